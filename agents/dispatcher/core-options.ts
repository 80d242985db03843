import type { Backoff } from "../lib/backoff.ts";
import type { DedupTable } from "./dedup-table.ts";

export interface CoreOptions {
  /** Topic prefixes, see lib/dispatch-topics.ts. */
  readonly inputTopic: string;
  readonly notifyTopic: string;
  readonly alternateTopic: string;
  readonly twinTopic: string;
  /** Products known and on their way, at most; not more than the table's bound. */
  readonly entriesMax: number;
  /** Between attempts to publish what was returned or refused. */
  readonly retry: Backoff;
  /** Pullers send receipts, all of them, and there is one queue that they pull from. */
  readonly receipts: boolean;
  /** A product that may be lost goes out again after this, when a later one's receipt has come; see `Doubts`. */
  readonly doubtMs: number;
  /** And after this in any case: well below the broker's consumer timeout (30 minutes). */
  readonly doubtMaxMs: number;
  /** Doubts held at once; beyond, the oldest goes out again. Above `publishingMax`, below the prefetch less what requests take. */
  readonly doubtsMax: number;
  /** First publishes under way at once: what a successor can be left in doubt about. Half of the prefetch, say. */
  readonly publishingMax: number;
  /** When the address left: what is not settled by then dies with the connection. */
  readonly giveUpMs: number;
  /** A publish not settled for so long by a broker that is not blocked: its connection is broken. */
  readonly confirmTimeoutMs: number;
  /** After so long without any delivery, others may have worked meanwhile without our noticing. */
  readonly deliveryGapMs: number;
  /** Requests for an alternate that wait for a twin, unacked. */
  readonly alternatesWaitingMax: number;
  readonly alternateWaitMs: number;
  /** How long a standby that keeps the twin leaves a request to the one that works. */
  readonly standbyServeDelayMs: number;
}

export interface CoreParts {
  readonly table: DedupTable;
  /** Unique to this process: no marker of another is taken for one of ours. */
  readonly instance: string;
  readonly random?: () => number;
}
