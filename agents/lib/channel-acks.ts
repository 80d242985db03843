import type { Channel } from "amqplib";
import { type Ack, AckBatch } from "./ack-batch.ts";

/** With fewer in hand, each that is held back might be missed; a broker finds its way through so few at once. */
const holdBackFrom = 100;
/** Of the prefetch: at most so many are held back. With two sources, half of what is in hand waits behind a gap. */
const holdBackShare = 0.75;
/** A gap that lasts longer is worth a frame for each. */
const holdBackMs = 50;

type Message = Parameters<Channel["ack"]>[0];

/**
 * Settles what came by one channel, whoever of its consumers got it: delivery tags count per channel. Everything that is
 * acked in one turn of the event loop goes out together. Behind a gap (a twin is done at once, a first arrival when it is
 * confirmed) acks are held back for a moment, where many may be in hand: nearly always the gap closes and one ack does for all,
 * while for each single one the broker goes through all that is unacked before it. Does nothing once the channel is gone: the
 * broker gives out again what it had not settled, and a tag means another message on another channel.
 */
export class ChannelAcks {
  readonly #channel: Channel;
  readonly #batch = new AckBatch();
  /** amqplib reads nothing of a message but its tag when it settles it. */
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

  /** For a consumer that may have so many in hand. */
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

  /** Sends all acks that wait, for the end of the turn or for a gap to close. */
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
      // amqplib throws once a channel is closing; nothing is to be done then: the broker gives everything out again.
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
