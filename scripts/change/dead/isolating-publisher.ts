import type { ChannelModel } from "amqplib";
import { closeChannel } from "../../../agents/lib/own-channel.ts";
import { Publisher, type PublishOptions } from "../../../agents/lib/publisher.ts";

/** A `PublishOutcome`, or the reason why the broker closed the channel because of this message. */
export type IsolatingOutcome = "confirmed" | "returned" | "nacked" | "lost" | { readonly why: string };

type Publishing = readonly [exchange: string, routingKey: string, body: Buffer, options: PublishOptions];

/**
 * Publishes with confirms. If a message makes the broker close the channel, all publishes in flight on it fail. Each of those is then sent again on a
 * channel of its own, so that a bad message affects only itself. Some of them may have arrived the first time: delivery is at least once.
 */
export class IsolatingPublisher {
  readonly #model: ChannelModel;
  #shared: Promise<Publisher> | undefined;
  /** One channel at a time: a connection may not have as many channels as there are messages in flight. */
  #turns: Promise<unknown> = Promise.resolve();

  constructor(model: ChannelModel) {
    this.#model = model;
  }

  /** @throws Error if it can never be sent, e.g. because of its key */
  async publish(...message: Publishing): Promise<IsolatingOutcome> {
    let publisher: Publisher;
    try {
      publisher = await this.#open();
    } catch {
      return "lost";
    }
    await publisher.writable();
    const outcome = await publisher.publish(...message);
    return outcome === "lost" ? this.#inTurn(message) : outcome;
  }

  #open(): Promise<Publisher> {
    if (this.#shared) return this.#shared;
    const opened = this.#newChannel(() => {
      if (this.#shared === opened) this.#shared = undefined;
    }).then(({ publisher }) => publisher);
    this.#shared = opened;
    return opened;
  }

  async #newChannel(onClose: () => void) {
    const channel = await this.#model.createConfirmChannel();
    let why: string | undefined;
    channel.on("error", (error: Error) => {
      why = error.message;
    });
    channel.on("close", onClose);
    const publisher = new Publisher("warren-dead");
    publisher.attach(channel);
    return { channel, publisher, why: () => why };
  }

  #inTurn(message: Publishing): Promise<IsolatingOutcome> {
    const turn = this.#turns.then(() => this.#alone(message));
    this.#turns = turn;
    return turn;
  }

  async #alone(message: Publishing): Promise<IsolatingOutcome> {
    try {
      const { channel, publisher, why } = await this.#newChannel(() => {});
      const outcome = await publisher.publish(...message);
      const reason = why();
      if (outcome === "lost") return reason === undefined ? "lost" : { why: reason };
      // A failed close does not matter: the message is confirmed.
      await closeChannel(channel);
      return outcome;
    } catch {
      // The connection is closed and opens no channel.
      return "lost";
    }
  }
}
