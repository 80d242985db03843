import type { Log } from "../lib/log.ts";
import type { Replay } from "./journal-replay.ts";

/** What the journal keeps to. Tests make it small. */
export const journalLimits = {
  /** A file: 430,000 arrivals. It is read whole at opening. */
  segmentBytesMax: 16 * 1024 * 1024,
  /** A window is spread over so many files at least: on disk is at most an eighth more than must be kept. */
  segmentsPerWindow: 8,
  /**
   * Of files whose window is over by the clock when the folder is opened, so much is kept for one window more: the clock may be wrong, as
   * after a boot, and what isn't over by the right one is read at the next start. No more, so that many starts can't fill the disk.
   */
  spareBytesMax: 64 * 1024 * 1024,
  /** Waits in memory while the disk can't take it: 1.7 million arrivals. */
  pendingBytesMax: 64 * 1024 * 1024,
  /** Beyond this no twin is kept: the room is for arrivals. */
  pendingTwinBytesMax: 16 * 1024 * 1024,
  /** From one write's start to the next's. Without it a fast disk is kept busy 3,000 times a second, for a third of a core. */
  commitIntervalMs: 10,
  retryMinMs: 100,
  retryMaxMs: 5000,
  /** A write that takes longer is told as a fault. Busy disks take a second or two. */
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
