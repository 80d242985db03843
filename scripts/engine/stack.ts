import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { isLabStack } from "./lab-stacks.ts";
import { checkout } from "./places.ts";
import { userHome } from "./toolchain/plugins.ts";

/** The project's name in Pulumi.yaml, which is part of the state's path. */
export const projectName = "warren";

/** Commands of the engine that accept `--config-file`. The others read a stack's config from `stacks/`, or need none. */
const takeConfigFile = new Set(["config", "destroy", "import", "logs", "preview", "refresh", "up", "update", "watch"]);

/** The engine's environment for one stack. */
export interface StackSettings {
  /** The config of a derived lab; undefined where the config is `stacks/Pulumi.STACK.yaml`. */
  readonly configFile: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

export interface StackContext {
  readonly root?: string;
  readonly environment?: NodeJS.ProcessEnv;
  /** There is a terminal, so the engine can ask for a passphrase itself. */
  readonly canAsk?: boolean;
}

/**
 * Backend and passphrase of a stack. The user's environment always wins. A lab's state stays in this
 * checkout, even if the user is logged in to another backend, as its hosts exist on this machine only.
 *
 * @throws UserError where a passphrase is needed, and there is neither one nor a terminal to ask on.
 */
export function stackSettings(stack: string | undefined, context: StackContext = {}): StackSettings {
  const { root = checkout, environment = process.env, canAsk = false } = context;
  const env: Record<string, string> = {};
  const name = stack?.split("/").at(-1);
  const lab = name === undefined ? undefined : labConfig(root, name);
  const login = loginOf(environment);
  if (!environment.PULUMI_BACKEND_URL) {
    if (lab !== undefined || login === undefined) env.PULUMI_BACKEND_URL = stateUrl(root);
    // The engine's home may be warren's own; the login is in the person's.
    else if (!environment.PULUMI_CREDENTIALS_PATH) env.PULUMI_CREDENTIALS_PATH = userHome(environment);
  }
  const hasPassphrase =
    environment.PULUMI_CONFIG_PASSPHRASE !== undefined || environment.PULUMI_CONFIG_PASSPHRASE_FILE !== undefined;
  if (name !== undefined && !hasPassphrase) {
    const backend = env.PULUMI_BACKEND_URL ?? environment.PULUMI_BACKEND_URL ?? login ?? "";
    const file = passphraseFile(root, name, lab !== undefined);
    if (file) env.PULUMI_CONFIG_PASSPHRASE_FILE = file;
    else if (!canAsk && needsPassphrase(root, name, backend)) throw noPassphrase(name);
  }
  return { configFile: lab?.derived, env };
}

/**
 * A lab is a committed stack that labs are made from, or one with a folder among the labs. That folder has its config, derived from such a stack or
 * made from its hosts.
 */
function labConfig(root: string, name: string): { derived: string | undefined } | undefined {
  const folder = path.join(root, ".warren/labs", name);
  const derived = path.join(folder, `Pulumi.${name}.yaml`);
  const committed = path.join(root, "stacks", `Pulumi.${name}.yaml`);
  if (isLabStack(name)) return { derived: undefined };
  if (existsSync(committed) || !existsSync(folder)) return undefined;
  return { derived: existsSync(derived) ? derived : undefined };
}

/** Where the config of a new stack belongs: a lab's config stays in the lab's folder. */
export function newConfigFile(stack: string, root: string = checkout): string {
  const isLab = !isLabStack(stack) && labConfig(root, stack) !== undefined;
  const folder = isLab ? path.join(root, ".warren/labs", stack) : path.join(root, "stacks");
  return path.join(folder, `Pulumi.${stack}.yaml`);
}

/**
 * The engine would create an empty stack of any name. A stack without config is a mistyped name.
 *
 * @throws UserError where the stack has no config file.
 */
export function requireConfig(stack: string, root: string = checkout): void {
  const name = stack.split("/").at(-1) ?? stack;
  const file = labConfig(root, name)?.derived ?? path.join(root, "stacks", `Pulumi.${name}.yaml`);
  if (existsSync(file)) return;
  throw new UserError(
    `stack ${stack}`,
    `has no config ${path.relative(root, file)}`,
    `there are: ${committedStacks(root).join(", ")}`,
  );
}

/** Names of the stacks that have a config in `stacks`. */
export const committedStacks = (root: string = checkout): string[] =>
  readdirSync(path.join(root, "stacks")).flatMap((each) => /^Pulumi\.(.+)\.yaml$/.exec(each)?.[1] ?? []);

export function stateUrl(root: string = checkout): string {
  return `file://${path.join(root, ".warren/state")}`;
}

function passphraseFile(root: string, name: string, isLab: boolean): string | undefined {
  const own = path.join(root, "stacks", `Pulumi.${name}.passphrase`);
  if (existsSync(own)) return own;
  const labs = path.join(root, "stacks/Pulumi.lab.passphrase");
  return isLab && existsSync(labs) ? labs : undefined;
}

/** False with a key service, and with the vendor's service, which encrypts by itself. */
function needsPassphrase(root: string, name: string, backend: string): boolean {
  const file = path.join(root, "stacks", `Pulumi.${name}.yaml`);
  if (existsSync(file)) {
    const text = readFileSync(file, "utf8");
    if (/^encryptionsalt:/m.test(text)) return true;
    if (/^secretsprovider: *(?!passphrase\b)\S/m.test(text)) return false;
  }
  return !backend.startsWith("https://");
}

function noPassphrase(name: string): UserError {
  return new UserError(
    `stack ${name}`,
    "its secrets are encrypted with a passphrase, and none was given",
    `put it into stacks/Pulumi.${name}.passphrase (mode 0600, not committed), or set PULUMI_CONFIG_PASSPHRASE_FILE`,
  );
}

/** The backend that the user is logged in to. */
function loginOf(environment: NodeJS.ProcessEnv): string | undefined {
  const folder = environment.PULUMI_CREDENTIALS_PATH || userHome(environment);
  try {
    const { current } = JSON.parse(readFileSync(path.join(folder, "credentials.json"), "utf8")) as { current?: string };
    return current || undefined;
  } catch {
    // No file, or one that the engine could not read either: not logged in.
    return undefined;
  }
}

/** The stack of an engine's command line: its own option, else the environment's. */
export function stackOf(args: readonly string[], environment: NodeJS.ProcessEnv = process.env): string | undefined {
  for (const [index, word] of args.entries()) {
    if (word === "--") break;
    if (word === "-s" || word === "--stack") return args[index + 1];
    const joined = /^(?:--stack=|-s=?)(.+)$/.exec(word);
    if (joined) return joined[1];
  }
  return environment.PULUMI_STACK || undefined;
}

/** The stack chosen by `pulumi stack select`, which the engine remembers in its home. */
export function selectedStack(home: string, root: string = checkout): string | undefined {
  const project = createHash("sha1").update(path.join(root, "Pulumi.yaml")).digest("hex");
  try {
    const file = path.join(home, "workspaces", `${projectName}-${project}-workspace.json`);
    return (JSON.parse(readFileSync(file, "utf8")) as { stack?: string }).stack || undefined;
  } catch {
    // Nothing selected yet.
    return undefined;
  }
}

/** The arguments, with the stack's config file added where the command accepts one and none is given. */
export function withConfigFile(args: readonly string[], configFile: string | undefined): readonly string[] {
  const command = args.find((word) => !word.startsWith("-"));
  if (configFile === undefined || command === undefined || !takeConfigFile.has(command)) return args;
  if (args.some((word) => word === "--config-file" || word.startsWith("--config-file="))) return args;
  const at = args.indexOf(command) + 1;
  return [...args.slice(0, at), "--config-file", configFile, ...args.slice(at)];
}

/** Whether a stack exists in a folder's state; undefined where another backend would have to be asked. */
export function hasState(stack: string): boolean | undefined {
  const file = stateFileOf(stack);
  return file === undefined ? undefined : ["", ".gz", ".zst"].some((ending) => existsSync(`${file}${ending}`));
}

/** Whether an `up` or `destroy` of a stack was ever begun; undefined where another backend than a folder would have to be asked. */
export function wasUpdated(stack: string): boolean | undefined {
  const file = stateFileOf(stack);
  return file === undefined
    ? undefined
    : existsSync(path.join(path.dirname(file), "../../history", projectName, path.basename(file, ".json")));
}

/** The state file of a stack in its own backend; undefined where that is not a folder. */
export function stateFileOf(stack: string): string | undefined {
  const { env } = stackSettings(stack, { canAsk: true });
  const backend = env.PULUMI_BACKEND_URL ?? process.env.PULUMI_BACKEND_URL ?? loginOf(process.env) ?? "";
  return stateFile(backend, stack);
}

/**
 * Folder of the locks of stacks, and of the records of their runs. If the state is in a folder, it is beside the state, so that everybody who
 * shares the state shares the lock. Otherwise it is in this checkout, and excludes only this checkout's runs; the backend's own lock excludes others.
 */
export function locksFolder(stack: string): string {
  const state = stateFileOf(stack);
  // Not in FOLDER/.pulumi/stacks/PROJECT: the engine treats each file there as a stack.
  return state === undefined ? path.join(checkout, ".warren/locks") : path.join(path.dirname(state), "../../../locks");
}

/** The state file of a stack in a `file://` backend; undefined for any other backend. */
export function stateFile(backend: string, stack: string): string | undefined {
  if (!backend.startsWith("file://")) return undefined;
  const place = backend.slice("file://".length).replace(/\?.*/, "");
  const folder = place.replace(/^~(?=\/|$)/, process.env.HOME ?? "~");
  return path.join(folder, ".pulumi/stacks", projectName, `${stack.split("/").at(-1)}.json`);
}
