import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import path from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { engineMistake } from "./engine-mistake.ts";
import { checkout, nodeProgram } from "./places.ts";
import {
  hasState,
  projectName,
  requireConfig,
  type StackSettings,
  selectedStack,
  stackOf,
  stackSettings,
  withConfigFile,
} from "./stack.ts";
import { userHome } from "./toolchain/plugins.ts";
import { ensureToolchain, type Toolchain } from "./toolchain/toolchain.ts";

export interface PulumiOptions {
  /** The stack that the arguments are about; without it their own `-s`, else the selected one. */
  readonly stack?: string | undefined;
  /** `inherit` (default) shows the engine's live progress; `capture` gives its output to the caller instead. */
  readonly output?: "inherit" | "capture";
  /** More environment, over everything else. */
  readonly env?: Readonly<Record<string, string>>;
  /** SIGINT to the engine when it aborts: a graceful cancel. */
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

/** Everything that the engine's start takes: toolchain, backend, passphrase, config file, PATH. */
export async function engineCommand(args: readonly string[], options: PulumiOptions = {}): Promise<EngineCommand> {
  const toolchain = options.toolchain ?? (await ensureToolchain({ signal: options.signal }));
  const home = toolchain.env.PULUMI_HOME ?? userHome();
  const stack = options.stack ?? stackOf(args) ?? selectedStack(home);
  const settings = stackSettings(stack, { canAsk: process.stdin.isTTY === true && options.output !== "capture" });
  return {
    program: toolchain.pulumi,
    args: withConfigFile(args, settings.configFile),
    cwd: workingFolder(),
    env: await engineEnvironment(toolchain, settings, options.env),
  };
}

/**
 * Runs the engine and gives its exit code. On a terminal Ctrl-C reaches the engine by itself (once: a graceful cancel,
 * twice: at once), and warren stays until it has ended.
 */
export async function runPulumi(args: readonly string[], options: PulumiOptions = {}): Promise<number> {
  return (await runEngine(args, { ...options, output: "inherit" })).exitCode;
}

/** What a command of the engine prints, e.g. of `stack output --json`. @throws UserError if it fails: a person's mistake, or the engine's own words */
export async function readPulumi(args: readonly string[], options: PulumiOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await runEngine(args, { ...options, output: "capture" });
  const said = stderr.trim() || diagnosticsOf(stdout);
  if (exitCode === 0) return stdout;
  const mistake = engineMistake(options.stack ?? stackOf(args) ?? "", said);
  throw mistake ?? new UserError(`pulumi ${args.join(" ")}`, said || `ended with ${exitCode}`);
}

/** What an operation says at its end of what went wrong; it says nothing on standard error. */
function diagnosticsOf(stdout: string): string {
  const at = stdout.indexOf("Diagnostics:");
  return at < 0 ? "" : stdout.slice(at).trim();
}

async function runEngine(args: readonly string[], options: PulumiOptions) {
  const command = await engineCommand(args, options);
  const capture = options.output === "capture";
  const child = spawn(command.program, command.args, {
    cwd: command.cwd,
    env: command.env,
    stdio: capture ? ["ignore", "pipe", "pipe"] : "inherit",
  });
  let stdout = "";
  let stderr = "";
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
 * Passes a cancel on to the engine as SIGINT, exactly once for each of the person's: the engine takes a second one as "at
 * once". A terminal sends Ctrl-C to the engine itself, too. Gives a function that ends this.
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
  // Whoever aborts may do so because of the same SIGINT, and be told of it before us.
  const onAbort = () =>
    setImmediate(() => {
      if (interrupts === 0) cancel();
    });
  // Nothing but a terminal's Ctrl-C reaches the engine by itself.
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

/** Becomes the engine: this process goes on as the engine, so exit code, signals and terminal are simply the engine's. */
export async function becomePulumi(args: readonly string[], options: PulumiOptions = {}): Promise<never> {
  const { program, args: all, cwd, env } = await engineCommand(args, options);
  // Node writes its compile cache when it exits, which it never does here.
  flushCompileCache();
  process.chdir(cwd);
  const execve = process.execve;
  if (execve === undefined) throw new Error("this Node can't replace itself by another program");
  return execve(program, [program, ...all], env);
}

/**
 * Creates a stack where it does not exist. With the state in a folder this is only a look whether its file is there;
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
  // Creating takes no --config-file; in a folder with a project file of the same name the engine finds a lab's config.
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
  const all: Record<string, string> = { ...Object.fromEntries(inherited), ...toolchain.env, ...settings.env, ...more };
  // The engine starts `pulumi-language-nodejs` from here, and that starts `node`.
  const first = [path.dirname(toolchain.pulumi), path.dirname(nodeProgram)];
  all.PATH = [...first, ...(all.PATH ?? "").split(path.delimiter).filter((folder) => !first.includes(folder))].join(
    path.delimiter,
  );
  // The engine refuses a folder for state that is not there.
  const backend = settings.env.PULUMI_BACKEND_URL;
  if (backend?.startsWith("file://")) await mkdir(backend.slice("file://".length), { recursive: true });
  return all;
}

/** Where the person stands, if that is in the checkout, so that relative paths in arguments mean what they say. */
function workingFolder(): string {
  const here = process.cwd();
  return here === checkout || here.startsWith(checkout + path.sep) ? here : checkout;
}
