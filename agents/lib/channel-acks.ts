import type { Channel } from "amqplib";
import { AckBatch } from "./ack-batch.ts";

type Message = Parameters<Channel["ack"]>[0];

/**
 * Settles what came by one channel, whoever of its consumers got it: delivery tags count per channel. Everything that is
 * acked in one turn of the event loop goes out together. Does nothing once the channel is gone: the broker gives out again
 * what it had not settled, and a tag means another message on another channel.
 */
export class ChannelAcks {
  readonly #channel: Channel;
  readonly #batch = new AckBatch();
  /** amqplib reads nothing of a message but its tag when it settles it. */
  readonly #fields = { deliveryTag: 0, redelivered: false, exchange: "", routingKey: "" };
  readonly #message = { fields: this.#fields, content: Buffer.alloc(0), properties: {} } as unknown as Message;
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

  ack(tag: number): void {
    if (this.#batch.ack(tag)) setImmediate(this.flush);
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

  /** Sends the acks that wait for the end of the turn. */
  readonly flush = (): void => {
    const acks = this.#batch.flush();
    if (this.#isGone) return;
    try {
      for (const { tag, multiple } of acks) this.#channel.ack(this.#of(tag), multiple);
    } catch {
      // amqplib throws once a channel is closing; nothing is to be done then: the broker gives everything out again.
      this.#end();
    }
  };

  #of(tag: number): Message {
    this.#fields.deliveryTag = tag;
    return this.#message;
  }

  #end(): void {
    this.#isGone = true;
    this.#gone?.abort();
  }
}
