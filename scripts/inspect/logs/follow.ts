import type { Hosts } from "../../../infra/hosts/connect.ts";
import { follow } from "../../../infra/hosts/follow.ts";
import { followQuestion, type JournalQuery, type LogLine, parseEntry } from "./journal.ts";

/** Milliseconds for which lines are buffered, to sort lines of several hosts by time. */
const bufferedMs = 500;

export interface FollowOptions {
  readonly reach: Hosts;
  readonly queries: ReadonlyMap<string, JournalQuery>;
  readonly signal: AbortSignal;
  onLine(line: LogLine): void;
  /** The connection to a host has ended. */
  onEnd(host: string, why: string): void;
}

/** Passes on new lines of all hosts until the signal, or until no connection is left. */
export async function followJournals({ reach, queries, signal, onLine, onEnd }: FollowOptions): Promise<void> {
  let buffered: LogLine[] = [];
  const flush = () => {
    const due = buffered.toSorted((a, b) => a.atMs - b.atMs);
    buffered = [];
    for (const line of due) onLine(line);
  };
  const ticker = setInterval(flush, bufferedMs);
  try {
    await Promise.all(
      [...queries].map(async ([host, query]) => {
        const why = await follow(reach.connectionTo(host), followQuestion(query), signal, (text) => {
          const line = parseEntry(host, text);
          if (line) buffered.push(line);
        });
        if (!signal.aborted) onEnd(host, why);
      }),
    );
  } finally {
    clearInterval(ticker);
    flush();
  }
}
