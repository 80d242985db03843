import type { Incoming } from "./events.ts";
import type { AlternateRequest } from "./noted-requests.ts";
import type { Step } from "./step.ts";

/** One delivery of a request. */
export interface RequestDelivery extends Incoming {
  /** Source of the failed announcement. */
  readonly source: string;
}

/** A puller's request that waits for a twin. */
export interface WaitingRequest {
  readonly wanted: AlternateRequest;
  /** Further deliveries for the product wait with the first, which the broker may have requeued unnoticed. */
  readonly deliveries: [RequestDelivery, ...RequestDelivery[]];
  readonly sinceMs: number;
}

/** Deliveries kept of one product's requests: the first and the latest, because one from another source may be among them. */
export const requestsKept = 3;

/** Unacked requests for which there is no twin yet. */
export class WaitingRequests {
  readonly #step: Step;
  /** By key, oldest first. */
  readonly #byKey = new Map<string, WaitingRequest>();

  constructor(step: Step) {
    this.#step = step;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): WaitingRequest | undefined {
    return this.#byKey.get(key);
  }

  /** The first request for its product. */
  add(wanted: AlternateRequest, delivery: Incoming): void {
    const deliveries: [RequestDelivery] = [{ ...delivery, source: wanted.source }];
    this.#byKey.set(wanted.key, { wanted, deliveries, sinceMs: this.#step.nowMs });
  }

  /**
   * A further request; false if none waits. Deliveries beyond the limit are acked, so that endless requests for one product can't
   * fill the input.
   */
  join(key: string, source: string, delivery: Incoming): boolean {
    const deliveries = this.#byKey.get(key)?.deliveries;
    if (!deliveries) return false;
    deliveries.push({ ...delivery, source });
    if (deliveries.length <= requestsKept) return true;
    const [tooMany] = deliveries.splice(1, 1);
    if (tooMany) this.#step.push({ type: "ack", delivery: tooMany.id });
    return true;
  }

  /** Removes the request; the caller acks its deliveries. */
  remove(key: string): WaitingRequest | undefined {
    const request = this.#byKey.get(key);
    this.#byKey.delete(key);
    return request;
  }

  /** Removes the request that has waited longest, if it has waited since `untilMs` or before. */
  removeOldest(untilMs = Number.POSITIVE_INFINITY): WaitingRequest | undefined {
    for (const [key, { sinceMs }] of this.#byKey) return sinceMs <= untilMs ? this.remove(key) : undefined;
    return undefined;
  }

  /** Answered otherwise. `bySource`: by this source's announcement, which is no answer if that is the one that failed. */
  settle(key: string, bySource?: string): void {
    const request = this.remove(key);
    if (!request) return;
    const { wanted, deliveries, sinceMs } = request;
    const [first, ...further] = deliveries.filter(({ source }) => source === bySource);
    if (first)
      this.#byKey.set(key, { wanted: { ...wanted, source: first.source }, deliveries: [first, ...further], sinceMs });
    for (const { id, source } of deliveries) if (source !== bySource) this.#step.push({ type: "ack", delivery: id });
  }

  forget(): void {
    this.#byKey.clear();
  }

  /** Requeues all of them. */
  requeueAll(): void {
    for (const { deliveries } of this.#byKey.values()) {
      for (const { id } of deliveries) this.#step.push({ type: "requeue", delivery: id });
    }
    this.forget();
  }
}
