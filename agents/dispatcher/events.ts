import type { PublishOutcome } from "../lib/publisher.ts";
import type { Message } from "../lib/subscription.ts";

/**
 * A message from the input queue: everything a decision needs and everything that is passed on. Its headers and marks are those that
 * `readHeaders` accepted. A request for an alternate has the product's first arrival as its timestamp, which pullers pass on.
 */
export interface Incoming
  extends Pick<Message, "routingKey" | "body" | "headers" | "marks" | "redelivered" | "timestampSeconds"> {
  /** Names this delivery, not the message; never used again. */
  readonly id: number;
}

/** A record of our own ledger queue, in order. A record may come twice. */
export type LedgerRecord =
  /** A product was published. `atMs`: its first arrival; `ours`: published by this process. */
  | {
      readonly kind: "published";
      readonly key: string;
      readonly atMs: number;
      readonly source: string;
      readonly sizeBytes: number;
      readonly ours: boolean;
    }
  /** A puller has put the product into its receiver queue folder. `atMs`: first arrival of what it pulled, if it reports one. */
  | { readonly kind: "pulled"; readonly key: string; readonly atMs?: number | undefined }
  /**
   * A dispatcher has answered a request: with the product's twin, or, if `source` is the one that failed, with the failed
   * announcement because it had no twin. `routingKey` is under the twin topic.
   */
  | {
      readonly kind: "twin";
      readonly key: string;
      readonly source: string;
      readonly routingKey: string;
      readonly reason: string;
      readonly closedMs?: number | undefined;
    }
  /** A puller can't fetch the winner's file and requests the twin; `routingKey` is under the alternate topic. */
  | {
      readonly kind: "request";
      readonly key: string;
      readonly routingKey: string;
      readonly reason: string;
      readonly closedMs?: number | undefined;
      readonly source: string;
      readonly atMs?: number | undefined;
    }
  | { readonly kind: "marker"; readonly token: string };

export type Event =
  /** Only from the newest subscription: the shell requeues, undecided, what a cancelled one still delivers. */
  | { readonly type: "delivery"; readonly delivery: Incoming }
  /** The outcome of a publish that this core asked for. `claim` is the id in the effect (publish, marker, serve, serve-delivery). */
  | { readonly type: "outcome"; readonly claim: number; readonly outcome: PublishOutcome }
  | { readonly type: "ledger"; readonly record: LedgerRecord }
  /** Messages of the ledger are missing: products that were dispatched before may be unknown. */
  | { readonly type: "ledger-gap"; readonly atMs: number }
  /** A twin of a `keep-twin` effect is on disk under this reference. */
  | { readonly type: "twin-kept"; readonly key: string; readonly ref: number }
  /** Instead of an outcome of `serve`: the disk does not have the referenced twin. */
  | { readonly type: "twin-missing"; readonly claim: number }
  /** Whether the pull queue was just seen empty of announcements. Reported every few seconds while it matters. */
  | { readonly type: "output-seen"; readonly isEmpty: boolean }
  /** The channel is gone: no delivery is ours any more, and the broker requeues all of them. */
  | { readonly type: "deliveries-lost" }
  /** The broker stopped accepting publishes (connection.blocked), or accepts them again. */
  | { readonly type: "blocked" }
  | { readonly type: "unblocked" }
  | { readonly type: "tick" }
  /** This host holds the virtual IP and may dispatch, or no longer holds it; `stop` is the last event to change this. */
  | { readonly type: "held" }
  | { readonly type: "gone" }
  | { readonly type: "stop" };

/** Effects are carried out in this order. Deliveries are named by their `id`. */
export type Effect =
  | { readonly type: "subscribe" }
  | { readonly type: "cancel" }
  /** Disconnect now: unconfirmed publishes must be dropped with their channel. `deliveries-lost` follows. */
  | { readonly type: "disconnect"; readonly reason: string }
  /** No room in the table: the last record and those after it are not accepted, and are delivered again after `ledger-resume`. */
  | { readonly type: "ledger-pause" }
  | { readonly type: "ledger-resume" }
  | {
      readonly type: "publish";
      readonly claim: number;
      readonly routingKey: string;
      readonly delivery: Incoming;
      readonly firstAtMs: number;
      /** It may already have been published: the ledger has it, and nothing proves that the pull queue has. */
      readonly doubt: boolean;
    }
  /** Publish this token to our own ledger queue only, mandatory. */
  | { readonly type: "marker"; readonly claim: number; readonly token: string }
  /** Publish the twin kept on disk under `ref`, with `reason` as its mark `alternate`, and `closedMs`. */
  | {
      readonly type: "serve";
      readonly claim: number;
      readonly routingKey: string;
      readonly ref: number;
      /** The product's first arrival, if known: for the message's timestamp. */
      readonly firstAtMs: number | undefined;
      readonly reason: string;
      readonly closedMs?: number | undefined;
    }
  /** The same with an unacked announcement: a twin, or the request's own if no twin arrived. */
  | {
      readonly type: "serve-delivery";
      readonly claim: number;
      readonly routingKey: string;
      readonly delivery: Incoming;
      readonly firstAtMs: number | undefined;
      readonly reason: string;
      readonly closedMs?: number | undefined;
    }
  | { readonly type: "ack"; readonly delivery: number }
  | { readonly type: "requeue"; readonly delivery: number }
  | { readonly type: "dead-letter"; readonly delivery: number; readonly reason: string }
  /** For the journal: a product is published; `certain`: confirmed to us, or proven by a puller. */
  | {
      readonly type: "remember";
      readonly key: string;
      readonly atMs: number;
      readonly source: string;
      readonly sizeBytes: number;
      readonly certain: boolean;
    }
  | { readonly type: "remember-certain"; readonly key: string }
  /** A puller has the product: neither it nor its twin is needed any more. */
  | { readonly type: "remember-served"; readonly key: string }
  /** Write the twin to disk and ack its delivery then, or at once if it can't be kept. `twin-kept` reports where. */
  | { readonly type: "keep-twin"; readonly key: string; readonly delivery: Incoming }
  /** For the metrics: this source's announcement was the first and is published. */
  | { readonly type: "won"; readonly source: string; readonly tookMs: number }
  /** A product that is already published was announced again, this much later than the first time. */
  | {
      readonly type: "twin";
      readonly source: string;
      readonly firstSource: string;
      readonly leadMs: number;
      readonly sizeDiffers: boolean;
    }
  | { readonly type: "publish-failed"; readonly outcome: PublishOutcome; readonly routingKey: string }
  | { readonly type: "full"; readonly entries: number }
  /** A redelivery is held until it is proven that its product is, or was, in the pull queue. */
  | { readonly type: "doubt"; readonly key: string }
  | { readonly type: "doubt-settled"; readonly how: "receipt" | "again"; readonly heldMs: number };
