import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { Capture, type Result, type StreamName } from "./output.ts";

/** Grace period between SIGTERM and SIGKILL. */
const endGraceMs = 2000;

export interface LocalCommand {
  readonly argv: readonly string[];
  readonly folder: string;
  /** In addition to this process's own. */
  readonly environment: { readonly [name: string]: string };
  readonly stdin: string;
  readonly signal: AbortSignal;
  onLine(stream: StreamName, line: string): void;
}

/** Runs a process on this machine in its own process group, which is stopped as one. Rejects if it could not run. */
export function runLocal(command: LocalCommand): Promise<Result> {
  command.signal.throwIfAborted();
  if (!statSync(command.folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`dir: ${command.folder} is not a directory`);
  }
  const [program = "", ...args] = command.argv;
  const child = spawn(program, args, {
    cwd: command.folder,
    env: { ...process.env, ...command.environment },
    stdio: "pipe",
    detached: true,
  });
  return new Promise((resolve, reject) => {
    const capture = new Capture(command.onLine.bind(command));
    const end = (signal: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, signal);
      } catch {
        // The group no longer exists.
      }
    };
    const stop = () => {
      end("SIGTERM");
      setTimeout(() => end("SIGKILL"), endGraceMs).unref();
      reject(command.signal.reason);
    };
    const add = (stream: StreamName) => (chunk: Buffer) => {
      try {
        capture.add(stream, chunk);
      } catch (error) {
        reject(error);
        end("SIGKILL");
      }
    };
    command.signal.addEventListener("abort", stop, { once: true });
    child.stdout.on("data", add("stdout"));
    child.stderr.on("data", add("stderr"));
    child.once("error", (error) => reject(new Error(`${program}: ${error.message}`)));
    child.once("close", (code, signal) => {
      command.signal.removeEventListener("abort", stop);
      resolve(capture.end(code, signal));
    });
    // A command that doesn't read all of its input closes it early; its exit code is more informative than this error.
    child.stdin.on("error", () => undefined);
    child.stdin.end(command.stdin);
  });
}
