import { backoffMs } from "../lib/backoff.ts";
import type { Incoming } from "./events.ts";
import type { Step } from "./step.ts";

/** A delivery that was read. */
export interface Arrival {
  readonly delivery: Incoming;
  readonly source: string;
  readonly sizeBytes: number;
  readonly atMs: number;
  readonly routingKey: string;
}

/** A product on its way out: published and not settled, or about to be published again. */
export interface Claim {
  readonly key: string;
  /** First arrival. */
  readonly firstAtMs: number;
  /** It went out before, in doubt: the ledger has it already. */
  readonly again: boolean;
  /** Of the publish under way; 0 while it waits for the next attempt. */
  id: number;
  sentAtMs: number;
  attempts: number;
  /** Infinity while a publish is under way. */
  retryAtMs: number;
  /** It may be out already. */
  doubt: boolean;
  /** Our publish was seen in the ledger before it was settled. */
  echoed: boolean;
  /** Whose announcement is published: undefined when the delivery is not ours any more. */
  delivery: Incoming | undefined;
  source: string;
  sizeBytes: number;
  routingKey: string;
  /** Further deliveries: they wait for the outcome. */
  waiting: Arrival[] | undefined;
}

/** Products that are claimed, by key and by the publish under way. Whoever claims a product publishes it at once. */
export class Claims {
  readonly #turn: Step;
  readonly #byKey = new Map<string, Claim>();
  /** In the order in which they were sent. */
  readonly #sent = new Map<number, Claim>();
  readonly #retrying = new Set<Claim>();

  constructor(turn: Step) {
    this.#turn = turn;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Publishes under way. */
  get sent(): number {
    return this.#sent.size;
  }

  get retrying(): number {
    return this.#retrying.size;
  }

  /** Since when the oldest publish is under way; Infinity for none. */
  get oldestSentAtMs(): number {
    for (const claim of this.#sent.values()) return claim.sentAtMs;
    return Number.POSITIVE_INFINITY;
  }

  get(key: string): Claim | undefined {
    return this.#byKey.get(key);
  }

  /** Claims and publishes. `doubt`: it may be out already; `again`: it went out before, the ledger has it. */
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

  /** The claim whose publish this was; it is under way no more. */
  settle(id: number): Claim | undefined {
    const claim = this.#sent.get(id);
    if (!claim) return undefined;
    this.#sent.delete(id);
    claim.id = 0;
    return claim;
  }

  /** To be published again after a pause: whose announcement, is seen now. False where no delivery of it is ours. */
  retry(claim: Claim): boolean {
    if (!claim.delivery) {
      const heir = claim.waiting?.shift();
      if (!heir) return false;
      claim.delivery = heir.delivery;
      claim.source = heir.source;
      claim.sizeBytes = heir.sizeBytes;
      claim.routingKey = heir.routingKey;
    }
    claim.retryAtMs = this.#turn.nowMs + backoffMs(this.#turn.options.retry, claim.attempts, this.#turn.random);
    this.#retrying.add(claim);
    return true;
  }

  hasDue(atMs: number): boolean {
    for (const claim of this.#retrying) if (claim.retryAtMs <= atMs) return true;
    return false;
  }

  /** Publishes what was due at `atMs`, as far as there is room. */
  sendDue(atMs: number): void {
    for (const claim of this.#retrying) {
      if (claim.retryAtMs > atMs || !claim.delivery) continue;
      if (this.#sent.size >= this.#turn.options.publishingMax) return;
      this.#retrying.delete(claim);
      this.#send(claim, claim.delivery);
    }
  }

  release(claim: Claim): void {
    this.#byKey.delete(claim.key);
    this.#retrying.delete(claim);
  }

  /** No delivery is ours any more. What is under way stays: if it is confirmed, what comes again is a twin. */
  forgetDeliveries(): void {
    for (const claim of this.#retrying) this.#byKey.delete(claim.key);
    this.#retrying.clear();
    for (const claim of this.#sent.values()) {
      claim.delivery = undefined;
      claim.waiting = undefined;
    }
  }

  /** Requeues what waits for another attempt. */
  giveBack(): void {
    for (const claim of this.#retrying) {
      this.#byKey.delete(claim.key);
      if (claim.delivery) this.#turn.push({ type: "requeue", delivery: claim.delivery.id });
      for (const { delivery } of claim.waiting ?? []) this.#turn.push({ type: "requeue", delivery: delivery.id });
    }
    this.#retrying.clear();
  }

  #send(claim: Claim, delivery: Incoming): void {
    const id = this.#turn.nextId();
    claim.id = id;
    claim.sentAtMs = this.#turn.nowMs;
    claim.attempts++;
    claim.retryAtMs = Number.POSITIVE_INFINITY;
    this.#sent.set(id, claim);
    const { routingKey, firstAtMs, doubt } = claim;
    this.#turn.push({ type: "publish", claim: id, routingKey, delivery, firstAtMs, doubt });
  }
}
