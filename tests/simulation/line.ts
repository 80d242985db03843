import type { PublishOutcome } from "../../agents/lib/publisher.ts";
import { type Message, onLosingSide, queuesASide } from "./message.ts";

/** A message in one queue. */
export interface Entry {
  readonly message: Message;
  redelivered: boolean;
  /** Place in the queue: what is given back goes there again. */
  readonly position: number;
}

export interface Held {
  readonly entry: Entry;
  readonly queue: number;
  readonly tag: number;
}

/** What a client sends on a channel, in its order. */
export type Command =
  | { readonly op: "publish"; readonly message: Message }
  | { readonly op: "ack"; readonly tag: number; readonly multiple: boolean }
  | { readonly op: "requeue"; readonly tag: number }
  | { readonly op: "consume"; readonly consumer: number }
  | { readonly op: "cancel" }
  | { readonly op: "close" };

/** What the broker sends on it. */
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
 * An AMQP channel with the wire below it: what either side sent and the other has not read. Each side may take it for dead long
 * before the other does.
 */
export class Line {
  readonly name: string;
  /** The queue that it consumes, when it does. */
  queue: number;
  readonly prefetch: number;
  /** Of the host whose broker it is connected to. */
  readonly beside: number;
  readonly node: number;
  readonly up: Command[] = [];
  readonly down: Frame[] = [];
  held: Held[] = [];
  /** Published, and not yet with every queue that shall have it. */
  readonly publishing: Message[] = [];
  /**
   * What is cut, since `cutSinceMs`: the wire between client and broker (no frame passes, either way), or the link between the node
   * that has the channel and the nodes that lead the queues (the client sees nothing of it, but is fed no more and hears of no
   * confirm).
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

  /** Queues that shall have it and neither have it nor never will. */
  pending({ targets, landed, died }: Message): number {
    return (this.isOnLosingSide ? onLosingSide(targets) : targets) & ~landed & ~died;
  }
}
