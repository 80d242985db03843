import type { BrokerSession } from "../lib/broker-session.ts";
import type { Delivery, Subscription } from "../lib/subscription.ts";
import type { Incoming } from "./events.ts";

export interface InputOptions {
  readonly session: BrokerSession;
  readonly queue: string;
  readonly prefetch: number;
  onDelivery(delivery: Incoming): void;
  /** The channel is gone, and every unacked delivery with it. */
  onLost(): void;
}

/**
 * The input queue, consumed over the publishing channel, and its unacked deliveries by id. Only the newest subscription counts:
 * what an earlier one still delivers is requeued, undecided.
 */
export class Input {
  readonly #options: InputOptions;
  readonly #unacked = new Map<number, Delivery>();
  #nextId = 1;
  #subscription: Subscription | undefined;
  #cancelling: Promise<void> = Promise.resolve();

  constructor(options: InputOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#unacked.size;
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
        this.#unacked.clear();
        this.#options.onLost();
      },
    });
    this.#subscription = subscription;
  }

  /** Unacked deliveries stay ours until they are settled. */
  cancel(): void {
    const subscription = this.#subscription;
    if (!subscription) return;
    this.#subscription = undefined;
    this.#cancelling = this.#options.session.unsubscribe(subscription);
  }

  /** Resolves once the broker delivers nothing more after a `cancel`. */
  cancelled(): Promise<void> {
    return this.#cancelling;
  }

  /** Removes and returns a delivery, for the caller to settle. */
  remove(id: number): Delivery | undefined {
    const delivery = this.#unacked.get(id);
    this.#unacked.delete(id);
    return delivery;
  }

  #onDelivery(delivery: Delivery): void {
    const id = this.#nextId++;
    this.#unacked.set(id, delivery);
    const { routingKey, body, headers, marks, redelivered, timestampSeconds } = delivery;
    this.#options.onDelivery({ id, routingKey, body, headers, marks, redelivered, timestampSeconds });
  }
}
