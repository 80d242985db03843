import type { PublishOutcome } from "../lib/publisher.ts";

/** One announcement as it came from the input queue; `id` names this delivery, not the message. */
export interface Incoming {
  readonly id: number;
  readonly routingKey: string;
  readonly body: Buffer;
}

export type Event =
  | { readonly type: "delivery"; readonly delivery: Incoming }
  /** What became of a publish that this core asked for. */
  | { readonly type: "outcome"; readonly claim: number; readonly outcome: PublishOutcome }
  /** The channel is gone: no delivery in hand is ours any more, the broker gives all of them out again. */
  | { readonly type: "deliveries-lost" }
  | { readonly type: "tick" }
  /** This host may work (holds the virtual IP), or no longer; `stop` is the last event that changes this. */
  | { readonly type: "held" }
  | { readonly type: "gone" }
  | { readonly type: "stop" };

export type Effect =
  | { readonly type: "subscribe" }
  | { readonly type: "cancel" }
  | { readonly type: "publish"; readonly claim: number; readonly routingKey: string; readonly delivery: Incoming }
  | { readonly type: "ack"; readonly delivery: number }
  | { readonly type: "requeue"; readonly delivery: number }
  | { readonly type: "dead-letter"; readonly delivery: number; readonly reason: string }
  /** Told, for the numbers: this source's announcement was the first, and is out. */
  | { readonly type: "won"; readonly source: string; readonly tookMs: number }
  /** A product that is out already, announced again, that much later than the first. */
  | { readonly type: "twin"; readonly source: string; readonly firstSource: string; readonly leadMs: number }
  | { readonly type: "publish-failed"; readonly outcome: PublishOutcome; readonly routingKey: string }
  | { readonly type: "full"; readonly entries: number };
