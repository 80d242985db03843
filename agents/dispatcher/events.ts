import type { PublishOutcome } from "../lib/publisher.ts";
import type { Message } from "../lib/subscription.ts";

/**
 * One message as it came from the input queue: all that is decided by, and all that goes on with it. Its headers and marks are those
 * that `readHeaders` let in. Of a request for an alternate the timestamp is the product's first arrival, which pullers pass on.
 */
export interface Incoming
  extends Pick<Message, "routingKey" | "body" | "headers" | "marks" | "redelivered" | "timestampSeconds"> {
  /** Names this delivery, not the message, and is never used again. */
  readonly id: number;
}

/** What the own ledger queue says, in its order. A record may come twice. */
export type LedgerRecord =
  /** A product went out; `atMs` is its first arrival; `ours`: published by this process. */
  | {
      readonly kind: "published";
      readonly key: string;
      readonly atMs: number;
      readonly source: string;
      readonly sizeBytes: number;
      readonly ours: boolean;
    }
  /** A puller has put the product into its receiver queue folder. `atMs`: first arrival of what it pulled, where it says so. */
  | { readonly kind: "pulled"; readonly key: string; readonly atMs?: number | undefined }
  /**
   * Some dispatcher has answered a request: with the product's twin, or, where `source` is the one that failed, with the failed
   * announcement itself, since it had no other. `routingKey` is under the twin topic.
   */
  | {
      readonly kind: "twin";
      readonly key: string;
      readonly source: string;
      readonly routingKey: string;
      readonly reason: string;
    }
  /** A puller can't fetch the winner's and asks for the twin; `routingKey` is under the alternate topic. */
  | {
      readonly kind: "request";
      readonly key: string;
      readonly routingKey: string;
      readonly reason: string;
      readonly source: string;
      readonly atMs?: number | undefined;
    }
  | { readonly kind: "marker"; readonly token: string };

export type Event =
  /** Only of the newest subscription: what still comes by one that was cancelled is requeued by the shell, unseen. */
  | { readonly type: "delivery"; readonly delivery: Incoming }
  /** What became of a publish that this core asked for: `claim` is the id in the effect (publish, marker, serve, serve-delivery). */
  | { readonly type: "outcome"; readonly claim: number; readonly outcome: PublishOutcome }
  | { readonly type: "ledger"; readonly record: LedgerRecord }
  /** A twin asked to be kept (`keep-twin`) is on disk, under this reference. */
  | { readonly type: "twin-kept"; readonly key: string; readonly ref: number }
  /** Instead of an outcome of `serve`: the disk does not have what the reference names. */
  | { readonly type: "twin-missing"; readonly claim: number }
  /** Seen just now: whether no announcement waits in the pull queue. To be told every few seconds while it matters. */
  | { readonly type: "output-seen"; readonly isEmpty: boolean }
  /** The channel is gone: no delivery in hand is ours any more, the broker gives all of them out again. */
  | { readonly type: "deliveries-lost" }
  /** The broker takes no publishes for now (connection.blocked), or takes them again. */
  | { readonly type: "blocked" }
  | { readonly type: "unblocked" }
  | { readonly type: "tick" }
  /** This host may work (holds the virtual IP), or no longer; `stop` is the last event that changes this. */
  | { readonly type: "held" }
  | { readonly type: "gone" }
  | { readonly type: "stop" };

/** To be done in this order. Deliveries are named by their `id`. */
export type Effect =
  | { readonly type: "subscribe" }
  | { readonly type: "cancel" }
  /** Break the connection now: publishes not confirmed must die with their channel. `deliveries-lost` follows. */
  | { readonly type: "disconnect"; readonly reason: string }
  /** No room in the table: the record just told and all after it are not taken, and come again after `ledger-resume`. */
  | { readonly type: "ledger-pause" }
  | { readonly type: "ledger-resume" }
  | {
      readonly type: "publish";
      readonly claim: number;
      readonly routingKey: string;
      readonly delivery: Incoming;
      readonly firstAtMs: number;
      /** It may be out already: the ledger has it, and nothing proves that the pull queue has. */
      readonly doubt: boolean;
    }
  /** Publish this token to the own ledger queue alone, mandatory. */
  | { readonly type: "marker"; readonly claim: number; readonly token: string }
  /** Publish the twin kept on disk under `ref`, with `reason` as its mark `alternate`. */
  | {
      readonly type: "serve";
      readonly claim: number;
      readonly routingKey: string;
      readonly ref: number;
      /** The product's first arrival, where it is known: for the message's timestamp. */
      readonly firstAtMs: number | undefined;
      readonly reason: string;
    }
  /** The same, of an announcement that is in hand: a twin, or the request's own where no twin came. */
  | {
      readonly type: "serve-delivery";
      readonly claim: number;
      readonly routingKey: string;
      readonly delivery: Incoming;
      readonly firstAtMs: number | undefined;
      readonly reason: string;
    }
  | { readonly type: "ack"; readonly delivery: number }
  | { readonly type: "requeue"; readonly delivery: number }
  | { readonly type: "dead-letter"; readonly delivery: number; readonly reason: string }
  /** For the journal: a product is out; `certain`: confirmed to us, or proven by a puller. */
  | {
      readonly type: "remember";
      readonly key: string;
      readonly atMs: number;
      readonly source: string;
      readonly sizeBytes: number;
      readonly certain: boolean;
    }
  | { readonly type: "remember-certain"; readonly key: string }
  /** A puller has the product: nobody needs it any more, nor its twin. */
  | { readonly type: "remember-served"; readonly key: string }
  /** Write the twin to disk, and ack its delivery when it is there; `twin-kept` tells where. Where it can't be kept: ack at once. */
  | { readonly type: "keep-twin"; readonly key: string; readonly delivery: Incoming }
  /** Told, for the numbers: this source's announcement was the first, and is out. */
  | { readonly type: "won"; readonly source: string; readonly tookMs: number }
  /** A product that is out already, announced again, that much later than the first. */
  | {
      readonly type: "twin";
      readonly source: string;
      readonly firstSource: string;
      readonly leadMs: number;
      readonly sizeDiffers: boolean;
    }
  | { readonly type: "publish-failed"; readonly outcome: PublishOutcome; readonly routingKey: string }
  | { readonly type: "full"; readonly entries: number }
  /** A redelivery is held until it is proven that its product is in the pull queue, or was. */
  | { readonly type: "doubt"; readonly key: string }
  | { readonly type: "doubt-settled"; readonly how: "receipt" | "again"; readonly heldMs: number };
