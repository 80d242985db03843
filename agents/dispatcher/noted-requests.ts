import type { Step } from "./step.ts";

/** A request for a product's alternate, and the topic of its answer. */
export interface AlternateRequest {
  readonly key: string;
  readonly routingKey: string;
  /** Why the winner's file could not be fetched. */
  readonly reason: string;
  /** When the winner's file was complete, if its announcement says so: the answer carries it on. */
  readonly closedMs?: number | undefined;
  /** Source of the failed announcement: another announcement of the same source is no alternative. */
  readonly source: string;
}

/** About 300 bytes each. Beyond this the oldest is forgotten. */
const requestsMax = 10_000;

/** Requests that may have to be answered later, one per product, for as long as the product is known. In memory only. */
export class NotedRequests {
  readonly #step: Step;
  /** By key, oldest first. */
  readonly #byKey = new Map<string, AlternateRequest & { readonly sinceMs: number }>();

  constructor(step: Step) {
    this.#step = step;
  }

  /** Replaces an earlier note for the product. */
  note({ key, routingKey, reason, closedMs, source }: AlternateRequest): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, { key, routingKey, reason, closedMs, source, sinceMs: this.#step.nowMs });
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size <= requestsMax) break;
      this.#byKey.delete(oldest);
    }
  }

  get(key: string): AlternateRequest | undefined {
    const request = this.#byKey.get(key);
    return request && !this.#isOver(request.sinceMs) ? request : undefined;
  }

  /** Removes and returns the oldest, if it was noted at `untilMs` or before. */
  removeOldest(untilMs: number): AlternateRequest | undefined {
    for (const request of this.#byKey.values()) {
      if (request.sinceMs > untilMs) return undefined;
      this.#byKey.delete(request.key);
      return request;
    }
    return undefined;
  }

  drop(key: string): void {
    this.#byKey.delete(key);
  }

  /** Forgets the requests whose products are forgotten. */
  onTick(): void {
    for (const { key, sinceMs } of this.#byKey.values()) {
      if (!this.#isOver(sinceMs)) break;
      this.#byKey.delete(key);
    }
  }

  #isOver(sinceMs: number): boolean {
    return sinceMs + this.#step.table.windowMs <= this.#step.nowMs;
  }
}
