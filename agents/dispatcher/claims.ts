import { backoffMs } from "../lib/backoff.ts";
import type { Incoming } from "./events.ts";
import type { Step } from "./step.ts";

/** A delivery whose announcement was read. */
export interface Arrival {
  readonly delivery: Incoming;
  readonly source: string;
  readonly sizeBytes: number;
  readonly atMs: number;
  readonly routingKey: string;
}

/** A product being published: in flight, or waiting for the next attempt. */
export interface Claim {
  readonly key: string;
  /** First arrival. */
  readonly firstAtMs: number;
  /** It was published before, unconfirmed: the ledger already has it. */
  readonly again: boolean;
  /** Id of the publish in flight; 0 while it waits for the next attempt. */
  id: number;
  sentAtMs: number;
  attempts: number;
  /** Infinity while a publish is in flight. */
  retryAtMs: number;
  /** It may already have been published. */
  doubt: boolean;
  /** Our publish was seen in the ledger before it was settled. */
  echoed: boolean;
  /** The delivery whose announcement is published; undefined once the delivery is no longer ours. */
  delivery: Incoming | undefined;
  source: string;
  sizeBytes: number;
  routingKey: string;
  /** Further deliveries of the product, waiting for the outcome. */
  waiting: Arrival[] | undefined;
}

/** Claimed products, by key and by publish in flight. A claimed product is published at once. */
export class Claims {
  readonly #step: Step;
  readonly #byKey = new Map<string, Claim>();
  /** In the order in which they were sent. */
  readonly #sent = new Map<number, Claim>();
  readonly #retrying = new Set<Claim>();

  constructor(step: Step) {
    this.#step = step;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Publishes in flight. */
  get sent(): number {
    return this.#sent.size;
  }

  get retrying(): number {
    return this.#retrying.size;
  }

  /** When the oldest publish in flight was sent; Infinity for none. */
  get oldestSentAtMs(): number {
    for (const claim of this.#sent.values()) return claim.sentAtMs;
    return Number.POSITIVE_INFINITY;
  }

  get(key: string): Claim | undefined {
    return this.#byKey.get(key);
  }

  /**
   * Claims a product and publishes it. `doubt`: it may already have been published. `again`: it was published before and the
   * ledger has it.
   */
  open(key: string, arrival: Arrival, firstAtMs: number, doubt: boolean, again: boolean): void {
    const { delivery, source, sizeBytes, routingKey } = arrival;
    const claim: Claim = {
      key,
      firstAtMs,
      again,
      id: 0,
      sentAtMs: 0,
      attempts: 0,
      retryAtMs: Number.POSITIVE_INFINITY,
      doubt,
      echoed: false,
      delivery,
      source,
      sizeBytes,
      routingKey,
      waiting: undefined,
    };
    this.#byKey.set(key, claim);
    this.#send(claim, delivery);
  }

  /** Returns the claim of this publish, which is no longer in flight. */
  settle(id: number): Claim | undefined {
    const claim = this.#sent.get(id);
    if (!claim) return undefined;
    this.#sent.delete(id);
    claim.id = 0;
    return claim;
  }

  /** Schedules another attempt after a pause, with the announcement of a delivery that is still ours. False if there is none. */
  retry(claim: Claim): boolean {
    if (!claim.delivery) {
      const heir = claim.waiting?.shift();
      if (!heir) return false;
      claim.delivery = heir.delivery;
      claim.source = heir.source;
      claim.sizeBytes = heir.sizeBytes;
      claim.routingKey = heir.routingKey;
    }
    claim.retryAtMs = this.#step.nowMs + backoffMs(this.#step.options.retry, claim.attempts, this.#step.random);
    this.#retrying.add(claim);
    return true;
  }

  hasDue(atMs: number): boolean {
    for (const claim of this.#retrying) if (claim.retryAtMs <= atMs) return true;
    return false;
  }

  /** Publishes what was due at `atMs`, up to the limit of publishes in flight. */
  sendDue(atMs: number): void {
    for (const claim of this.#retrying) {
      if (claim.retryAtMs > atMs || !claim.delivery) continue;
      if (this.#sent.size >= this.#step.options.publishingMax) return;
      this.#retrying.delete(claim);
      this.#send(claim, claim.delivery);
    }
  }

  release(claim: Claim): void {
    this.#byKey.delete(claim.key);
    this.#retrying.delete(claim);
  }

  /** No delivery is ours any more. Publishes in flight stay: if one is confirmed, the redelivered announcement is a twin. */
  forgetDeliveries(): void {
    for (const claim of this.#retrying) this.#byKey.delete(claim.key);
    this.#retrying.clear();
    for (const claim of this.#sent.values()) {
      claim.delivery = undefined;
      claim.waiting = undefined;
    }
  }

  /** Requeues the deliveries that wait for another attempt. */
  requeueAll(): void {
    for (const claim of this.#retrying) {
      this.#byKey.delete(claim.key);
      if (claim.delivery) this.#step.push({ type: "requeue", delivery: claim.delivery.id });
      for (const { delivery } of claim.waiting ?? []) this.#step.push({ type: "requeue", delivery: delivery.id });
    }
    this.#retrying.clear();
  }

  #send(claim: Claim, delivery: Incoming): void {
    const id = this.#step.nextId();
    claim.id = id;
    claim.sentAtMs = this.#step.nowMs;
    claim.attempts++;
    claim.retryAtMs = Number.POSITIVE_INFINITY;
    this.#sent.set(id, claim);
    const { routingKey, firstAtMs, doubt } = claim;
    this.#step.push({ type: "publish", claim: id, routingKey, delivery, firstAtMs, doubt });
  }
}
