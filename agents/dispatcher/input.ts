import type { BrokerSession } from "../lib/broker-session.ts";
import type { Delivery, Subscription } from "../lib/subscription.ts";
import type { Incoming } from "./events.ts";

export interface InputOptions {
  readonly session: BrokerSession;
  readonly queue: string;
  readonly prefetch: number;
  onDelivery(delivery: Incoming): void;
  /** The channel is gone, and with it everything in hand. */
  onLost(): void;
}

/**
 * The input queue, read over the channel that publishes, and what is in hand of it, by id. Only the newest subscription counts: what
 * an earlier one still brings goes back to the broker unseen.
 */
export class Input {
  readonly #options: InputOptions;
  readonly #inHand = new Map<number, Delivery>();
  #nextId = 1;
  #subscription: Subscription | undefined;
  #cancelling: Promise<void> = Promise.resolve();

  constructor(options: InputOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#inHand.size;
  }

  subscribe(): void {
    if (this.#subscription) return;
    const { session, queue, prefetch } = this.#options;
    const subscription: Subscription = session.subscribe({
      queue,
      prefetch,
      sharesPublishingChannel: true,
      onDelivery: (delivery) => {
        if (this.#subscription === subscription) this.#onDelivery(delivery);
        else delivery.requeue();
      },
      onLost: () => {
        this.#inHand.clear();
        this.#options.onLost();
      },
    });
    this.#subscription = subscription;
  }

  /** What is in hand stays ours until it is settled. */
  cancel(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#subscription = undefined;
    this.#cancelling = this.#options.session.unsubscribe(subscription);
  }

  /** Resolves when the broker sends no more after a `cancel`. */
  cancelled(): Promise<void> {
    return this.#cancelling;
  }

  /** For whoever settles it. */
  take(id: number): Delivery | undefined {
    const delivery = this.#inHand.get(id);
    this.#inHand.delete(id);
    return delivery;
  }

  #onDelivery(delivery: Delivery): void {
    const id = this.#nextId++;
    this.#inHand.set(id, delivery);
    const { routingKey, body, headers, marks, redelivered, timestampSeconds } = delivery;
    this.#options.onDelivery({ id, routingKey, body, headers, marks, redelivered, timestampSeconds });
  }
}
