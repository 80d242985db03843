import { backoffMs } from "../lib/backoff.ts";
import type { Incoming } from "./events.ts";
import type { AlternateRequest } from "./noted-requests.ts";
import type { Step } from "./step.ts";

/** An alternate being published: in flight, or waiting for the next attempt. */
export interface AlternatePublish extends AlternateRequest {
  /** The product's first arrival, if known. */
  readonly firstAtMs: number | undefined;
  /** Reference on disk; 0: `delivery` has the announcement. */
  readonly ref: number;
  /** Sent without a request's delivery: no message waits for it. */
  readonly unasked: boolean;
  /** The failed announcement itself, because no twin arrived. */
  readonly lastRound: boolean;
  readonly fromMs: number;
  /** The announcement's delivery, acked once it is published. */
  delivery: Incoming | undefined;
  /** Requests to ack once it is published. */
  requests: Incoming[];
  /** Id of the publish in flight; 0 while it waits for the next attempt. */
  id: number;
  sentAtMs: number;
  attempts: number;
  retryAtMs: number;
}

/** What to send. Omitted members are 0, false or empty. */
export type Answer = Partial<Pick<AlternatePublish, "ref" | "unasked" | "lastRound" | "delivery" | "requests">>;

/** Alternates being published, one per product. */
export class AlternatePublishes {
  readonly #step: Step;
  readonly #byKey = new Map<string, AlternatePublish>();
  readonly #sent = new Map<number, AlternatePublish>();

  constructor(step: Step) {
    this.#step = step;
  }

  get sent(): number {
    return this.#sent.size;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get oldestSentAtMs(): number {
    for (const publish of this.#sent.values()) return publish.sentAtMs;
    return Number.POSITIVE_INFINITY;
  }

  get(key: string): AlternatePublish | undefined {
    return this.#byKey.get(key);
  }

  /** Publishes it at once. `firstAtMs`: the product's first arrival, if known. */
  start(request: AlternateRequest, firstAtMs: number | undefined, answer: Answer): void {
    const { key, routingKey, reason, closedMs, source } = request;
    const { ref = 0, unasked = false, lastRound = false, delivery, requests = [] } = answer;
    const publish: AlternatePublish = {
      ...{ key, routingKey, reason, closedMs, source, firstAtMs, ref, unasked, lastRound, delivery, requests },
      ...{ fromMs: this.#step.nowMs, id: 0, sentAtMs: 0, attempts: 0, retryAtMs: Number.POSITIVE_INFINITY },
    };
    this.#byKey.set(key, publish);
    this.#send(publish);
  }

  /** Returns the alternate of this publish, which is no longer in flight. */
  settle(id: number): AlternatePublish | undefined {
    const publish = this.#sent.get(id);
    if (!publish) return undefined;
    this.#sent.delete(id);
    publish.id = 0;
    return publish;
  }

  release(publish: AlternatePublish): void {
    this.#byKey.delete(publish.key);
  }

  retry(publish: AlternatePublish): void {
    publish.retryAtMs = this.#step.nowMs + backoffMs(this.#step.options.retry, publish.attempts, this.#step.random);
  }

  onTick(): void {
    for (const publish of this.#byKey.values()) if (publish.retryAtMs <= this.#step.nowMs) this.#send(publish);
  }

  /** Publishes in flight stay until they are settled; the others come again with their requests. */
  forgetDeliveries(): void {
    for (const publish of this.#byKey.values()) {
      publish.delivery = undefined;
      publish.requests = [];
      if (publish.id === 0 && !publish.unasked) this.#byKey.delete(publish.key);
    }
  }

  /** Requeues the deliveries that wait for another attempt. */
  requeueAll(): void {
    for (const publish of this.#byKey.values()) {
      if (publish.id !== 0) continue;
      if (!publish.unasked) this.#byKey.delete(publish.key);
      if (publish.delivery) this.#step.push({ type: "requeue", delivery: publish.delivery.id });
      for (const { id } of publish.requests) this.#step.push({ type: "requeue", delivery: id });
      publish.requests = [];
    }
  }

  #send(publish: AlternatePublish): void {
    const claim = this.#step.nextId();
    publish.id = claim;
    publish.sentAtMs = this.#step.nowMs;
    publish.attempts++;
    publish.retryAtMs = Number.POSITIVE_INFINITY;
    this.#sent.set(claim, publish);
    const { routingKey, reason, closedMs, firstAtMs, ref, delivery } = publish;
    if (delivery) this.#step.push({ type: "serve-delivery", claim, routingKey, delivery, firstAtMs, reason, closedMs });
    else this.#step.push({ type: "serve", claim, routingKey, ref, firstAtMs, reason, closedMs });
  }
}
