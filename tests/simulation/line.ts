import type { PublishOutcome } from "../../agents/lib/publisher.ts";
import { type Message, onLosingSide, queuesASide } from "./message.ts";

/** A message in one queue. */
export interface Entry {
  readonly message: Message;
  redelivered: boolean;
  /** Position in the queue, to which a requeued message returns. */
  readonly position: number;
}

export interface Held {
  readonly entry: Entry;
  readonly queue: number;
  readonly tag: number;
}

/** A client's commands on a channel, in order. */
export type Command =
  | { readonly op: "publish"; readonly message: Message }
  | { readonly op: "ack"; readonly tag: number; readonly multiple: boolean }
  | { readonly op: "requeue"; readonly tag: number }
  | { readonly op: "consume"; readonly consumer: number }
  | { readonly op: "cancel" }
  | { readonly op: "close" };

/** The broker's frames on it. */
export type Frame =
  | {
      readonly op: "deliver";
      readonly tag: number;
      readonly consumer: number;
      readonly message: Message;
      readonly redelivered: boolean;
    }
  | { readonly op: "outcome"; readonly claim: number; readonly outcome: PublishOutcome };

/**
 * An AMQP channel with its wire: data that one side has sent and the other has not read. Each side may regard it as dead long before
 * the other does.
 */
export class Line {
  readonly name: string;
  /** The queue that it consumes, if any. */
  queue: number;
  readonly prefetch: number;
  /** Number of the host whose broker it is connected to. */
  readonly beside: number;
  readonly node: number;
  readonly up: Command[] = [];
  readonly down: Frame[] = [];
  held: Held[] = [];
  /** Publishes that haven't reached all their queues. */
  readonly publishing: Message[] = [];
  /**
   * The cut since `cutSinceMs`: of the wire between client and broker (no frame passes either way), or of the link between the channel's
   * node and the queues' leaders (the client notices nothing, but gets no more deliveries and confirms).
   */
  cut: "" | "wire" | "link" = "";
  cutSinceMs = 0;
  brokerSees = true;
  clientSees = true;
  /** Number of the consumer registered on it; 0: none. */
  consumer = 0;
  nextTag = 1;

  constructor(name: string, queue: number, prefetch: number, node: number, beside: number) {
    this.name = name;
    this.queue = queue;
    this.prefetch = prefetch;
    this.node = node;
    this.beside = beside;
  }

  get isOnLosingSide(): boolean {
    return this.queue >= queuesASide;
  }

  /** Queues that it is still in flight to. */
  pending({ targets, landed, died }: Message): number {
    return (this.isOnLosingSide ? onLosingSide(targets) : targets) & ~landed & ~died;
  }
}
