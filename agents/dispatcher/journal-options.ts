import type { Log } from "../lib/log.ts";
import type { Replay } from "./journal-replay.ts";

/** The journal's limits. Tests make them small. */
export const journalLimits = {
  /** One file: 430,000 arrivals. It is read as a whole at opening. */
  segmentBytesMax: 16 * 1024 * 1024,
  /** A window spans at least this many files, so the disk holds at most an eighth more than must be kept. */
  segmentsPerWindow: 8,
  /**
   * How much of the files that have expired by the clock is kept for another window at opening. The clock may be wrong, as after a boot;
   * a file that has not expired by the correct clock is read at the next start. The limit keeps repeated starts from filling the disk.
   */
  spareBytesMax: 64 * 1024 * 1024,
  /** Waits in memory while the disk can't accept it: 1.7 million arrivals. */
  pendingBytesMax: 64 * 1024 * 1024,
  /** Beyond this no twin is kept: the memory is for arrivals. */
  pendingTwinBytesMax: 16 * 1024 * 1024,
  /**
   * From the start of one write to the start of the next. Without it, a fast disk would be written 3,000 times a second, for a
   * third of a core.
   */
  commitIntervalMs: 10,
  retryMinMs: 100,
  retryMaxMs: 5000,
  /** A write that takes longer is reported as a fault. Busy disks take a second or two. */
  writeMaxMs: 10_000,
} as const;

export type JournalLimits = { readonly [name in keyof typeof journalLimits]: number };

export interface JournalOptions {
  readonly directory: string;
  readonly windowMs: number;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  readonly replay: Replay;
  readonly log: Log;
  readonly limits?: Partial<JournalLimits>;
}
