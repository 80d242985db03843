import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { Capture, type Result, type StreamName } from "./output.ts";

/** A command that is told to end gets this long before it is killed. */
const endGraceMs = 2000;

export interface LocalCommand {
  readonly argv: readonly string[];
  readonly folder: string;
  /** On top of this process's own. */
  readonly environment: { readonly [name: string]: string };
  readonly stdin: string;
  readonly signal: AbortSignal;
  onLine(stream: StreamName, line: string): void;
}

/** Runs one process on this machine, with those it starts as a group: they end together. Rejects when it could not run. */
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
        // The group is gone already.
      }
    };
    const stop = () => {
      end("SIGTERM");
      setTimeout(() => end("SIGKILL"), endGraceMs).unref();
      reject(command.signal.reason);
    };
    const take = (stream: StreamName) => (chunk: Buffer) => {
      try {
        capture.add(stream, chunk);
      } catch (error) {
        reject(error);
        end("SIGKILL");
      }
    };
    command.signal.addEventListener("abort", stop, { once: true });
    child.stdout.on("data", take("stdout"));
    child.stderr.on("data", take("stderr"));
    child.once("error", (error) => reject(new Error(`${program}: ${error.message}`)));
    child.once("close", (code, signal) => {
      command.signal.removeEventListener("abort", stop);
      resolve(capture.end(code, signal));
    });
    // A command that does not read all of its input closes it early; how it ended says more than that.
    child.stdin.on("error", () => undefined);
    child.stdin.end(command.stdin);
  });
}
