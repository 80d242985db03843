import type { Backoff } from "../lib/backoff.ts";
import type { DedupTable } from "./dedup-table.ts";

export interface CoreOptions {
  /** Topic prefixes, see lib/dispatch-topics.ts. */
  readonly inputTopic: string;
  readonly notifyTopic: string;
  /** `exact`: the routing key of what is dispatched is `notifyTopic` itself; `path`: the words after `inputTopic` follow it. */
  readonly notifyKey: "path" | "exact";
  readonly alternateTopic: string;
  readonly twinTopic: string;
  /** Limit of products known and in flight; not more than the table's limit. */
  readonly entriesMax: number;
  /** Pause before a returned or refused publish is tried again. */
  readonly retry: Backoff;
  /** All pullers send receipts, and they consume a single queue. */
  readonly receipts: boolean;
  /**
   * A product that may be lost is published again after this time, if a later product's receipt has arrived; see
   * `UnconfirmedDeliveries`.
   */
  readonly doubtMs: number;
  /** And after this time in any case: well below the broker's consumer timeout (30 minutes). */
  readonly doubtMaxMs: number;
  /**
   * Limit of unconfirmed deliveries; beyond it the oldest product that was announced again is published again. Below the prefetch minus the
   * requests' share.
   */
  readonly doubtsMax: number;
  /** Limit of first publishes in flight: about half of the prefetch. */
  readonly publishingMax: number;
  /** After the address is lost: publishes not settled within this time are dropped with the connection. */
  readonly giveUpMs: number;
  /** If a publish is unsettled for this long and the broker is not blocked, the connection is broken. */
  readonly confirmTimeoutMs: number;
  /** After this long without a delivery, other dispatchers may have been active unnoticed. */
  readonly deliveryGapMs: number;
  /** Limit of unacked requests that wait for a twin. */
  readonly alternatesWaitingMax: number;
  readonly alternateWaitMs: number;
  /** How long a standby that keeps the twin leaves a request to the active host. */
  readonly standbyServeDelayMs: number;
}

export interface CoreParts {
  readonly table: DedupTable;
  /** Unique to this process, so that another's marker is not mistaken for one of ours. */
  readonly instance: string;
  readonly random?: () => number;
}
