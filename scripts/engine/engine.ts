import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { UserError } from "../../agents/lib/errors.ts";
import { fullVariable, locksVariable } from "../../infra/model/names.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { engineMistake } from "./engine-mistake.ts";
import { checkout, nodeProgram } from "./places.ts";
import {
  hasState,
  locksFolder,
  projectName,
  requireConfig,
  type StackSettings,
  selectedStack,
  stackOf,
  stackSettings,
  withConfigFile,
} from "./stack.ts";
import { eventArguments, eventEnvironment, isSummarized, Summary } from "./summary.ts";
import { userHome } from "./toolchain/plugins.ts";
import { ensureToolchain, type Toolchain } from "./toolchain/toolchain.ts";

export interface PulumiOptions {
  /** The stack; by default the arguments' own `-s`, or else the selected stack. */
  readonly stack?: string | undefined;
  /** `inherit` (default) shows the engine's live progress; `capture` returns its output to the caller. */
  readonly output?: "inherit" | "capture";
  /** Additional environment, which overrides everything else. */
  readonly env?: Readonly<Record<string, string>>;
  /** When it aborts, the engine gets SIGINT: a graceful cancel. */
  readonly signal?: AbortSignal | undefined;
  readonly toolchain?: Toolchain | undefined;
}

/** A command of the engine, ready to start. */
export interface EngineCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
}

/** Prepares what the engine needs to start: toolchain, backend, passphrase, config file, PATH. */
export async function engineCommand(args: readonly string[], options: PulumiOptions = {}): Promise<EngineCommand> {
  const toolchain = options.toolchain ?? (await ensureToolchain({ signal: options.signal }));
  const home = toolchain.env.PULUMI_HOME ?? userHome();
  const stack = options.stack ?? stackOf(args) ?? selectedStack(home);
  const settings = stackSettings(stack, { canAsk: process.stdin.isTTY === true && options.output !== "capture" });
  return {
    program: toolchain.pulumi,
    args: withConfigFile(args, settings.configFile),
    cwd: workingFolder(),
    env: await engineEnvironment(toolchain, settings, {
      ...(stack === undefined ? {} : { [locksVariable]: locksFolder(stack) }),
      ...options.env,
    }),
  };
}

/**
 * Runs the engine and returns its exit code. If the output is not a terminal, an operation prints a summary, see `Summary`. On a terminal,
 * Ctrl-C reaches the engine directly (once: a graceful cancel, twice: at once), and warren waits until the engine has exited.
 */
export async function runPulumi(args: readonly string[], options: PulumiOptions = {}): Promise<number> {
  if (!isSummarized(args, process.stdout.isTTY === true)) {
    return (await runEngine(args, { ...options, output: "inherit" })).exitCode;
  }
  const isFull = (options.env?.[fullVariable] ?? process.env[fullVariable] ?? "") !== "";
  const summary = new Summary({ isPreview: args.includes("preview"), isFull });
  const onLine = (line: string) => {
    for (const text of summary.linesOf(line)) process.stdout.write(`${text}\n`);
  };
  const env = { ...options.env, ...eventEnvironment };
  return (await runEngine(eventArguments(args), { ...options, env, output: "inherit" }, onLine)).exitCode;
}

/** The output of an engine's command, e.g. `stack output --json`. @throws UserError if it fails, with the user's mistake or the engine's message */
export async function readPulumi(args: readonly string[], options: PulumiOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await runEngine(args, { ...options, output: "capture" });
  const said = stderr.trim() || diagnosticsOf(stdout);
  if (exitCode === 0) return stdout;
  const mistake = engineMistake(options.stack ?? stackOf(args) ?? "", said);
  throw mistake ?? new UserError(`pulumi ${args.join(" ")}`, said || `ended with ${exitCode}`);
}

/** The errors that an operation prints at its end, on standard output: it prints none on standard error. */
function diagnosticsOf(stdout: string): string {
  const at = stdout.indexOf("Diagnostics:");
  return at < 0 ? "" : stdout.slice(at).trim();
}

/** @param onLine gets each line of the output, which is otherwise inherited or captured */
async function runEngine(args: readonly string[], options: PulumiOptions, onLine?: (line: string) => void) {
  const command = await engineCommand(args, options);
  const capture = options.output === "capture";
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio: capture ? ["ignore", "pipe", "pipe"] : ["inherit", onLine ? "pipe" : "inherit", "inherit"],
  });
  let stdout = "";
  let stderr = "";
  if (onLine && child.stdout) createInterface({ input: child.stdout }).on("line", onLine);
  else
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const stop = forwardCancel(child, { onTerminal: process.stdin.isTTY === true && !capture, signal: options.signal });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 1)));
    });
    return { exitCode, stdout, stderr };
  } finally {
    stop();
  }
}

/**
 * Passes each cancel of the user to the engine as SIGINT exactly once: the engine takes a second one as "at
 * once". A terminal also sends Ctrl-C to the engine itself. Returns a function that stops this.
 */
function forwardCancel(
  child: ChildProcess,
  from: { onTerminal: boolean; signal: AbortSignal | undefined },
): () => void {
  let interrupts = 0;
  const cancel = () => child.kill("SIGINT");
  const onInterrupt = () => {
    interrupts += 1;
    if (!from.onTerminal) cancel();
  };
  // The caller may abort because of the same SIGINT, and may get it before us.
  const onAbort = () =>
    setImmediate(() => {
      if (interrupts === 0) cancel();
    });
  // Only a terminal's Ctrl-C reaches the engine directly.
  const onTerminate = () => {
    interrupts += 1;
    cancel();
  };
  process.on("SIGINT", onInterrupt).on("SIGTERM", onTerminate);
  from.signal?.addEventListener("abort", onAbort, { once: true });
  return () => {
    process.off("SIGINT", onInterrupt).off("SIGTERM", onTerminate);
    from.signal?.removeEventListener("abort", onAbort);
  };
}

/** Replaces this process by the engine, so that exit code, signals and terminal are the engine's own. */
export async function becomePulumi(args: readonly string[], options: PulumiOptions = {}): Promise<never> {
  const { program, args: all, cwd, env } = await engineCommand(args, options);
  // Node writes its compile cache on exit, which never happens here.
  flushCompileCache();
  process.chdir(cwd);
  const execve = process.execve;
  if (execve === undefined) throw new Error("this version of Node can't replace itself by another program");
  return execve(program, [program, ...all], env);
}

/**
 * Creates a stack where it does not exist. With the state in a folder, it checks for the state file only;
 * another backend is asked, which costs one start of the engine.
 */
export async function ensureStack(stack: string, options: PulumiOptions = {}): Promise<void> {
  requireConfig(stack);
  const toolchain = options.toolchain ?? (await ensureToolchain());
  const settings = stackSettings(stack, { canAsk: process.stdin.isTTY === true });
  if (hasState(stack)) return;
  const create = ["stack", "select", "--create", "--non-interactive", "--stack", stack];
  if (settings.configFile === undefined) {
    await readPulumi(create, { ...options, stack, toolchain });
    return;
  }
  // `stack init` accepts no --config-file. The engine finds a lab's config in a folder with a project file of the same name.
  const folder = path.dirname(settings.configFile);
  const project = path.join(folder, "Pulumi.yaml");
  await writeFileAtomic(project, `name: ${projectName}\nruntime: nodejs\n`);
  try {
    await readPulumi(["--cwd", folder, ...create], { ...options, stack, toolchain });
  } finally {
    await rm(project, { force: true });
  }
}

async function engineEnvironment(
  toolchain: Toolchain,
  settings: StackSettings,
  more: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const inherited = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const all: Record<string, string> = {
    // An unreachable host must not stop the changes on the others.
    PULUMI_CONTINUE_ON_ERROR: "true",
    ...Object.fromEntries(inherited),
    ...toolchain.env,
    ...settings.env,
    ...more,
  };
  // The engine starts `pulumi-language-nodejs` from PATH, and that starts `node`.
  const first = [path.dirname(toolchain.pulumi), path.dirname(nodeProgram)];
  all.PATH = [...first, ...(all.PATH ?? "").split(path.delimiter).filter((folder) => !first.includes(folder))].join(
    path.delimiter,
  );
  // The engine refuses a state folder that does not exist.
  const own = settings.env.PULUMI_BACKEND_URL;
  if (own?.startsWith("file://")) await mkdir(own.slice("file://".length), { recursive: true });
  // It writes the state twice for each step. Without this, it makes a digest each time, and a second file for it, which nothing reads.
  const backend = all.PULUMI_BACKEND_URL;
  if (backend?.startsWith("file://") && !backend.includes("?")) all.PULUMI_BACKEND_URL = `${backend}?metadata=skip`;
  return all;
}

/** The user's working folder, if it is in the checkout, so that relative paths in arguments stay correct. */
function workingFolder(): string {
  const here = process.cwd();
  return here === checkout || here.startsWith(checkout + path.sep) ? here : checkout;
}
