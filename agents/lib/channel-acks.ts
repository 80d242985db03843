import type { Channel } from "amqplib";
import { type Ack, AckBatch } from "./ack-batch.ts";

/** Below this many unacked deliveries, holding acks back could stall the consumer, and a broker finds each one quickly. */
const holdBackFrom = 100;
/** Share of the prefetch held back at most. With two sources, half of the unacked deliveries wait behind a gap. */
const holdBackShare = 0.75;
/** If a gap lasts longer, single acks are sent. */
const holdBackMs = 50;

type Message = Parameters<Channel["ack"]>[0];

/**
 * Settles the deliveries of one channel, for all of its consumers, because delivery tags count per channel. Everything acked in
 * one event loop turn is sent together. Acks behind a gap (a twin is done at once, a first arrival when it is confirmed) are held
 * back briefly if many deliveries may be unacked: the gap nearly always closes, and one ack then covers all. For each single ack
 * the broker would go through everything unacked before it. Does nothing once the channel is gone: the broker redelivers what was
 * not settled, and the same tag means another message on another channel.
 */
export class ChannelAcks {
  readonly #channel: Channel;
  readonly #batch = new AckBatch();
  /** To settle a message, amqplib reads only its tag. */
  readonly #fields = { deliveryTag: 0, redelivered: false, exchange: "", routingKey: "" };
  readonly #message = { fields: this.#fields, content: Buffer.alloc(0), properties: {} } as unknown as Message;
  #holdBackMax = 0;
  #flushes = false;
  #holdsBack: NodeJS.Timeout | undefined;
  #isGone = false;
  #gone: AbortController | undefined;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.on("close", () => this.#end());
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Aborted when the channel is gone. */
  get signal(): AbortSignal {
    if (!this.#gone) {
      this.#gone = new AbortController();
      if (this.#isGone) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  /** Call for each consumer, with the number of deliveries that it may leave unacked. */
  expect(prefetch: number): void {
    if (prefetch >= holdBackFrom) this.#holdBackMax = Math.floor(prefetch * holdBackShare);
  }

  ack(tag: number): void {
    this.#batch.ack(tag);
    if (this.#flushes) return;
    this.#flushes = true;
    setImmediate(this.#flushTurn);
  }

  requeue(tag: number): void {
    this.#batch.settledOtherwise(tag);
    if (this.#isGone) return;
    try {
      this.#channel.nack(this.#of(tag), false, true);
    } catch {
      this.#end();
    }
  }

  /** Sends all waiting acks, whether they wait for the end of the turn or for a gap to close. */
  flush(): void {
    clearTimeout(this.#holdsBack);
    this.#holdsBack = undefined;
    this.#send(this.#batch.flushAll());
  }

  readonly #flushTurn = (): void => {
    this.#flushes = false;
    if (this.#batch.behindGap > this.#holdBackMax) {
      this.flush();
      return;
    }
    this.#send(this.#batch.flush());
    if (this.#batch.behindGap > 0 && !this.#holdsBack) this.#holdBack();
  };

  #holdBack(): void {
    const { front } = this.#batch;
    this.#holdsBack = setTimeout(() => {
      this.#holdsBack = undefined;
      if (this.#batch.front === front) this.flush();
      else if (this.#batch.behindGap > 0) this.#holdBack();
    }, holdBackMs);
  }

  #send(acks: readonly Ack[]): void {
    if (this.#isGone) return;
    try {
      for (const { tag, multiple } of acks) this.#channel.ack(this.#of(tag), multiple);
    } catch {
      // amqplib throws once a channel is closing. Nothing is left to do: the broker redelivers everything.
      this.#end();
    }
  }

  #of(tag: number): Message {
    this.#fields.deliveryTag = tag;
    return this.#message;
  }

  #end(): void {
    this.#isGone = true;
    clearTimeout(this.#holdsBack);
    this.#gone?.abort();
  }
}
