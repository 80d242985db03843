import type { DownloadOptions, FaultCause, Outcome } from "../lib/download.ts";
import type { Receipt } from "../lib/receipts.ts";
import type { IncomingFile, LocalFault } from "../lib/receiver-queue.ts";
import type { Result } from "../lib/result.ts";
import type { Addressed, Provenance } from "./alternates.ts";
import type { Order } from "./order.ts";
import type { SilentOrigin } from "./origins.ts";
import type { Inquiry } from "./peer-message.ts";
import type { PeerAnswer } from "./peers.ts";

/** One announcement being handled. `signal` aborts when it is no longer ours and the broker redelivers it to another puller. */
export interface Announced extends Addressed {
  readonly redelivered: boolean;
  readonly signal: AbortSignal;
}

/** The puller's outside world. */
export interface PullerPorts {
  readonly download: (options: DownloadOptions) => Promise<Outcome>;
  readonly receive: () => Promise<IncomingFile>;
  readonly sizeOf: (fileName: string) => Promise<number | undefined>;
  /** Requests the product's other announcement; fails if none can be requested. Rejects when `signal` aborts. */
  readonly ask: (announced: Addressed, what: string, signal: AbortSignal) => Promise<Result<void>>;
  /** Records that `part` is about to get the product's name, so that a kill does not lose it; never throws. */
  readonly placing: (about: Inquiry, part: string) => void;
  /** `part` was not renamed. False if this can't be recorded: then `part` must stay. */
  readonly dropped: (part: string) => boolean;
  /** What other pullers have done with a product. Rejects when `signal` aborts. */
  readonly askOthers: (about: Inquiry, signal: AbortSignal) => Promise<PeerAnswer>;
  /** `placed`: just now. Not awaited. */
  readonly sendReceipt: (receipt: Omit<Receipt, "placedMs">, how: { placed: boolean; mayJoin: boolean }) => void;
  readonly now: () => number;
  readonly events: PullerEvents;
}

/** What happens, for the log and the metrics. */
export interface PullerEvents {
  pulled(order: Order, bytes: number, durationMs: number, from: Provenance["kind"]): void;
  /** It was placed before, on this host or another one. */
  alreadyThere(order: Order, where: "here" | "another"): void;
  retried(order: Order, cause: FaultCause, text: string, delayMs: number): void;
  alternateAsked(what: string): void;
  /** A redelivery of an announcement for which this puller, or another one, has requested the twin. */
  askedBefore(order: Order): void;
  /** No other announcement can be requested. */
  alternateRefused(reason: string): void;
  gaveUp(reason: string, from: Provenance["kind"]): void;
  originSilent(origin: SilentOrigin): void;
  originAnswered(origin: string): void;
  /** This host accepts no products; called once, until `localCleared`. */
  localFault(fault: LocalFault): void;
  localCleared(): void;
}
