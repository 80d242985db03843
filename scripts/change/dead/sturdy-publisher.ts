import type { ChannelModel, ConfirmChannel } from "amqplib";
import { Publisher, type PublishOptions } from "../../../agents/lib/publisher.ts";

/** As a `PublishOutcome`, or why the broker closed the channel over this very message. */
export type SturdyOutcome = "confirmed" | "returned" | "nacked" | "lost" | { readonly why: string };

type Publishing = readonly [exchange: string, routingKey: string, body: Buffer, options: PublishOptions];

/**
 * Publishes with confirms. A message that the broker closes the channel over takes along all that are under way: each of those is sent once more, by a
 * channel of its own, so that what one does befalls that one alone. Some of them may have arrived the first time: at least once.
 */
export class SturdyPublisher {
  readonly #model: ChannelModel;
  #shared: Promise<Publisher> | undefined;
  /** One channel at a time: a connection may not have as many as there are messages under way. */
  #turns: Promise<unknown> = Promise.resolve();

  constructor(model: ChannelModel) {
    this.#model = model;
  }

  /** @throws Error where it can never be sent, e.g. for its key */
  async publish(...message: Publishing): Promise<SturdyOutcome> {
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

  #inTurn(message: Publishing): Promise<SturdyOutcome> {
    const turn = this.#turns.then(() => this.#alone(message));
    this.#turns = turn;
    return turn;
  }

  async #alone(message: Publishing): Promise<SturdyOutcome> {
    try {
      const { channel, publisher, why } = await this.#newChannel(() => {});
      const outcome = await publisher.publish(...message);
      const reason = why();
      if (outcome === "lost") return reason === undefined ? "lost" : { why: reason };
      await closeQuietly(channel);
      return outcome;
    } catch {
      // The connection has ended, and takes no channel.
      return "lost";
    }
  }
}

/** What is confirmed stays so, whatever becomes of its channel. */
async function closeQuietly(channel: ConfirmChannel): Promise<void> {
  try {
    await channel.close();
  } catch {}
}
