import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import type { RunRequest } from "@pulumi/pulumi/proto/language_pb.js";
import { fromStruct } from "../lib/structs.ts";
import { nodeArgsOf } from "./options.ts";

/** The SDK's runner exits with this code if it has already reported the error. */
const exitCodeReported = 32;

export interface Outcome {
  readonly error: string;
  /** The error has been reported already; the engine stops without another message. */
  readonly bail: boolean;
}

/** Everything that is needed to start a program. */
export interface Start {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: { readonly [name: string]: string };
}

/** The SDK's runner that is installed for the program, not for this plugin. */
function findRunner(programDirectory: string): string {
  try {
    return createRequire(join(programDirectory, "package.json")).resolve("@pulumi/pulumi/cmd/run");
  } catch (cause) {
    throw new Error(`@pulumi/pulumi is not installed for the program in ${programDirectory}: run npm ci there`, {
      cause,
    });
  }
}

export function planStart(request: RunRequest, engineAddress: string): Start {
  const info = request.getInfo();
  const directory = info?.getProgramDirectory() || request.getPwd();
  const flags: [string, string][] = [
    ["monitor", request.getMonitorAddress()],
    ["engine", engineAddress],
    ["organization", request.getOrganization()],
    ["project", request.getProject()],
    ["stack", request.getStack()],
    ["pwd", request.getPwd()],
    ["parallel", String(request.getParallel())],
  ];
  const args = [
    ...nodeArgsOf(fromStruct(info?.getOptions())),
    findRunner(directory),
    ...flags.filter(([, value]) => value !== "").flatMap(([name, value]) => [`--${name}`, value]),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info?.getEntryPoint() || request.getProgram() || ".",
    ...request.getArgsList(),
  ];
  const config = Object.fromEntries(
    request
      .getConfigMap()
      .toArray()
      .map(([key, value]) => [shortKey(key), value]),
  );
  return {
    args,
    cwd: request.getPwd(),
    environment: {
      // Arguments are visible to every user of the machine, the environment only to the same user and root.
      PULUMI_CONFIG: JSON.stringify(config),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList().map(shortKey)),
      // A cache of the SDK's compiled code, which halves the time of a preview without changes.
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(pulumiHome(), "node-compile-cache"),
    },
  };
}

function pulumiHome(): string {
  return process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");
}

/** `project:config:name`, the long form of old engines, means `project:name`. */
function shortKey(key: string): string {
  const [namespace, middle, ...rest] = key.split(":");
  return middle === "config" && rest.length > 0 ? `${namespace}:${rest.join(":")}` : key;
}

/** Running programs, usually one. */
export class Programs {
  readonly #running = new Set<ChildProcess>();

  /** Runs a program to its end, with this process's standard output and error. */
  async run(start: Start): Promise<Outcome> {
    const child = spawn(process.execPath, start.args, {
      cwd: start.cwd,
      env: { ...process.env, ...start.environment },
      stdio: ["ignore", "inherit", "inherit"],
    });
    this.#running.add(child);
    try {
      return await new Promise<Outcome>((resolve, reject) => {
        child.once("error", (error) => reject(new Error(`could not start the program: ${error.message}`)));
        child.once("exit", (code, signal) => resolve(outcome(code, signal)));
      });
    } finally {
      this.#running.delete(child);
    }
  }

  /** Sends SIGTERM to every running program. */
  cancel(): void {
    for (const child of this.#running) child.kill("SIGTERM");
  }
}

function outcome(code: number | null, signal: NodeJS.Signals | null): Outcome {
  if (code === 0) return { error: "", bail: false };
  if (code === exitCodeReported) return { error: "", bail: true };
  return {
    error: signal ? `Program ended by ${signal}` : `Program exited with non-zero exit code: ${code}`,
    bail: false,
  };
}
