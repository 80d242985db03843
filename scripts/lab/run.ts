import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** False for a program that must not be killed with us, such as a package installation. */
  readonly endWithParent?: boolean;
  /** Called with each line of output as it comes. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a program on this machine and returns its standard output. It gets its own process group, so that a Ctrl-C at
 * the terminal reaches warren alone, which then decides what to undo. It ends when we are killed, so that
 * nothing is created while another process cleans up. The error of a failing program has the command and its
 * output.
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<string> {
  const [program = "", ...rest] = options.endWithParent === false ? argv : ["setpriv", "--pdeathsig", "KILL", ...argv];
  const child = execa(program, rest, {
    input: options.input ?? "",
    detached: true,
    reject: false,
    env: { LC_ALL: "C", PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` },
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs }),
    ...(options.signal ? { cancelSignal: options.signal } : {}),
    ...(options.onLine ? { all: true as const } : {}),
  });
  if (options.onLine) {
    for await (const line of child.iterable({ from: "all" })) options.onLine(String(line));
  }
  const result = await child;
  options.signal?.throwIfAborted();
  if (result.failed) {
    const said = String(result.stderr ?? "").trim() || result.shortMessage || "";
    throw new UserError(argv.join(" "), said, undefined, { cause: result });
  }
  return String(result.stdout ?? "");
}

/** Like `run`, for cleaning up: what is already gone is not a failure. */
export async function attempt(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<boolean> {
  try {
    await run(argv, options);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
