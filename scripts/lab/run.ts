import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** False for what must not be killed half way with us, as a package installation. */
  readonly endWithParent?: boolean;
  /** Called with each line of output as it comes. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs one program of the machine and gives its standard output. It gets a process group of its own, so that a Ctrl-C at
 * the terminal reaches warren alone, which then decides what to undo; and it ends with us when we are killed, so that
 * nothing is made behind the back of the one who then cleans up. Failing is an error that carries the command and what
 * it said.
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

/** Like `run`, for undoing: what is already gone is no failure. */
export async function attempt(argv: readonly [string, ...string[]], options: RunOptions = {}): Promise<boolean> {
  try {
    await run(argv, options);
    return true;
  } catch (error) {
    if (error instanceof UserError) return false;
    throw error;
  }
}
