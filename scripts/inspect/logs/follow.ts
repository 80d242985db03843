import { execa } from "execa";
import { askArguments } from "../../../infra/observe/ask.ts";
import type { Reach } from "../../engine/reach.ts";
import { followQuestion, type JournalQuery, type LogLine, parseEntry } from "./journal.ts";

/** Milliseconds for which lines are held, so that those of several hosts come in the order of their times. */
const heldMs = 500;

export interface FollowOptions {
  readonly reach: Reach;
  readonly queries: ReadonlyMap<string, JournalQuery>;
  readonly signal: AbortSignal;
  onLine(line: LogLine): void;
  /** A host can't be heard any more. */
  onEnd(host: string, why: string): void;
}

/** Tells what comes on all hosts until the signal, or until no host is left. */
export async function followJournals({ reach, queries, signal, onLine, onEnd }: FollowOptions): Promise<void> {
  let held: LogLine[] = [];
  const tell = () => {
    const due = held.toSorted((a, b) => a.atMs - b.atMs);
    held = [];
    for (const line of due) onLine(line);
  };
  const ticker = setInterval(tell, heldMs);
  try {
    await Promise.all(
      [...queries].map(async ([host, query]) => {
        const said = await follow(reach, host, followQuestion(query), signal, (line) => held.push(line));
        if (!signal.aborted) onEnd(host, said);
      }),
    );
  } finally {
    clearInterval(ticker);
    tell();
  }
}

/** @returns why it ended */
async function follow(
  reach: Reach,
  host: string,
  script: string,
  signal: AbortSignal,
  onLine: (line: LogLine) => void,
): Promise<string> {
  const child = execa("ssh", askArguments(reach.connectionTo(host), reach.sshConfig), {
    stdin: "pipe",
    reject: false,
    buffer: { stdout: false, stderr: true },
  });
  // What is still to be written when ssh has ended is for nobody.
  child.stdin.on("error", () => {});
  child.stdin.write(script);
  // The script ends its journalctl when its input does.
  const end = () => child.stdin.end();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  for await (const text of child.iterable()) {
    const line = parseEntry(host, String(text));
    if (line) onLine(line);
  }
  const result = await child;
  signal.removeEventListener("abort", end);
  return String(result.stderr).trim().split("\n").at(-1) || `ssh ended with ${result.exitCode}`;
}
