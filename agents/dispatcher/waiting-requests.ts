import type { Incoming } from "./events.ts";
import type { Help } from "./helps.ts";
import type { Step } from "./step.ts";

/** One delivery of a request. */
export interface Asked extends Incoming {
  /** Whose announcement failed. */
  readonly source: string;
}

/** A puller's request that waits for a twin. */
export interface Request {
  readonly help: Help;
  /** Further ones for the product wait with the first, which the queue may have taken back unnoticed. */
  readonly deliveries: [Asked, ...Asked[]];
  readonly sinceMs: number;
}

/** Deliveries that are kept of one product's requests: the first, and the latest, as one of another source may be among them. */
export const requestsKept = 3;

/** Requests in hand for which there is no twin yet, unacked. */
export class WaitingRequests {
  readonly #turn: Step;
  /** By key; the oldest first. */
  readonly #byKey = new Map<string, Request>();

  constructor(turn: Step) {
    this.#turn = turn;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): Request | undefined {
    return this.#byKey.get(key);
  }

  /** The first for its product. */
  add(help: Help, delivery: Incoming): void {
    const deliveries: [Asked] = [{ ...delivery, source: help.source }];
    this.#byKey.set(help.key, { help, deliveries, sinceMs: this.#turn.nowMs });
  }

  /** A further one. False where none waits. Whoever asks without end for one product must not fill the input: what is too many is acked. */
  join(key: string, source: string, delivery: Incoming): boolean {
    const deliveries = this.#byKey.get(key)?.deliveries;
    if (!deliveries) return false;
    deliveries.push({ ...delivery, source });
    if (deliveries.length <= requestsKept) return true;
    const [tooMany] = deliveries.splice(1, 1);
    if (tooMany) this.#turn.push({ type: "ack", delivery: tooMany.id });
    return true;
  }

  /** It waits no more: whoever takes it has its deliveries acked. */
  take(key: string): Request | undefined {
    const request = this.#byKey.get(key);
    this.#byKey.delete(key);
    return request;
  }

  /** The one that waits longest, of those that have since `untilMs` or before. */
  takeOldest(untilMs = Number.POSITIVE_INFINITY): Request | undefined {
    for (const [key, { sinceMs }] of this.#byKey) return sinceMs <= untilMs ? this.take(key) : undefined;
    return undefined;
  }

  /** Answered otherwise. `bySource`: by this source's announcement, which is no answer where that is what failed. */
  settle(key: string, bySource?: string): void {
    const request = this.take(key);
    if (!request) return;
    const { help, deliveries, sinceMs } = request;
    const [first, ...further] = deliveries.filter(({ source }) => source === bySource);
    if (first)
      this.#byKey.set(key, { help: { ...help, source: first.source }, deliveries: [first, ...further], sinceMs });
    for (const { id, source } of deliveries) if (source !== bySource) this.#turn.push({ type: "ack", delivery: id });
  }

  forget(): void {
    this.#byKey.clear();
  }

  /** Requeues all of them. */
  giveBack(): void {
    for (const { deliveries } of this.#byKey.values()) {
      for (const { id } of deliveries) this.#turn.push({ type: "requeue", delivery: id });
    }
    this.forget();
  }
}
