import type { IncomingFile, LocalFault } from "../lib/receiver-queue.ts";
import type { Result } from "../lib/result.ts";
import type { Addressed, Provenance } from "./alternates.ts";
import type { DownloadOptions, FaultCause, Outcome } from "./download.ts";
import type { Order } from "./order.ts";
import type { SilentOrigin } from "./origins.ts";
import type { Inquiry } from "./peer-message.ts";
import type { PeerAnswer } from "./peers.ts";
import type { Receipt } from "./receipts.ts";

/** One announcement in hand. `signal` aborts when it is ours no more: the broker gives it to another puller. */
export interface Announced extends Addressed {
  readonly redelivered: boolean;
  readonly signal: AbortSignal;
}

/** The world as the puller needs it. */
export interface PullerPorts {
  readonly download: (options: DownloadOptions) => Promise<Outcome>;
  readonly receive: () => Promise<IncomingFile>;
  readonly sizeOf: (fileName: string) => Promise<number | undefined>;
  /** Asks for the product's other announcement; bad where nobody can be asked. Rejects when `signal` aborts. */
  readonly ask: (announced: Addressed, what: string, signal: AbortSignal) => Promise<Result<void>>;
  /** When it returns, a kill of this process loses no more that `part` is about to get the product's name; never throws. */
  readonly placing: (about: Inquiry, part: string) => void;
  /** It did not get that. False where nobody will know: then `part` stays. */
  readonly dropped: (part: string) => boolean;
  /** What other pullers have done with a product. Rejects when `signal` aborts. */
  readonly askOthers: (about: Inquiry, signal: AbortSignal) => Promise<PeerAnswer>;
  /** Not waited for. */
  readonly sendReceipt: (receipt: Receipt) => void;
  readonly now: () => number;
  readonly events: PullerEvents;
}

/** What happens, for the log and the metrics. */
export interface PullerEvents {
  pulled(order: Order, bytes: number, durationMs: number, from: Provenance["kind"]): void;
  /** It was placed before, on this host or on another one. */
  alreadyThere(order: Order, where: "here" | "another"): void;
  retried(order: Order, cause: FaultCause, text: string, delayMs: number): void;
  alternateAsked(what: string): void;
  /** The same announcement again, for which this puller has asked, or another one. */
  askedBefore(order: Order): void;
  /** Nobody can be asked. */
  alternateRefused(reason: string): void;
  gaveUp(reason: string, from: Provenance["kind"]): void;
  originSilent(origin: SilentOrigin): void;
  originAnswered(origin: string): void;
  /** This host takes no products; told once, until `localCleared`. */
  localFault(fault: LocalFault): void;
  localCleared(): void;
}
