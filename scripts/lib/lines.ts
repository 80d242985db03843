import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A program failed: its name and its last lines of output. */
export class ProgramFailed extends Error {
  readonly tail: readonly string[];

  constructor(program: string, how: string, tail: readonly string[]) {
    super(`${program} ${how}`);
    this.tail = tail;
  }
}

export interface LineOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

const tailLines = 20;

/**
 * Runs a program, passes each line of its output and errors to `onLine` as it comes, and resolves when it exits with 0.
 *
 * @throws ProgramFailed with its last lines otherwise.
 */
export async function runLines(
  program: string,
  args: readonly string[],
  options: LineOptions,
  onLine: (line: string, from: "stdout" | "stderr") => void,
): Promise<void> {
  const tail: string[] = [];
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.env ? { env: options.env } : {}),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  for (const from of ["stdout", "stderr"] as const) {
    createInterface({ input: child[from] }).on("line", (line) => {
      if (from === "stderr" || tail.length < tailLines) tail.push(line);
      if (tail.length > tailLines) tail.shift();
      onLine(line, from);
    });
  }
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (code === 0) resolve();
      else reject(new ProgramFailed(program, signal ? `was ended by ${signal}` : `ended with ${code}`, tail));
    });
  });
}
