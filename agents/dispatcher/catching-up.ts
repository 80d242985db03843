import { backoffMs } from "../lib/backoff.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { Incoming } from "./events.ts";
import type { Step } from "./step.ts";

/** Deliveries that wait for a decision, first in, first out. A delivery's number is the count of all deliveries before it. */
class DeferredDeliveries {
  #items: Incoming[] = [];
  /** Items before this index have already been removed. */
  #start = 0;
  #head = 0;

  get size(): number {
    return this.#items.length - this.#start;
  }

  /** Number of the first waiting delivery, or of the next to arrive. */
  get head(): number {
    return this.#head;
  }

  /** Number of the next delivery to arrive. */
  get tail(): number {
    return this.#head + this.size;
  }

  push(delivery: Incoming): void {
    this.#items.push(delivery);
  }

  shift(): Incoming | undefined {
    const delivery = this.#items[this.#start];
    if (delivery === undefined) return undefined;
    this.#head++;
    this.#start++;
    // Removed items are freed together once they are the larger part.
    if (this.#start * 2 > this.#items.length) {
      this.#items.splice(0, this.#start);
      this.#start = 0;
    }
    return delivery;
  }

  /** Removes and returns all of them. */
  drain(): readonly Incoming[] {
    const all = this.#items.slice(this.#start);
    this.#head = this.tail;
    this.#items = [];
    this.#start = 0;
    return all;
  }
}

/** A token on its way through our own ledger queue. */
interface Marker {
  readonly token: string;
  /** Deliveries from this number on need a newer marker: the reason to read the ledger arose after this one was sent. */
  covers: number;
  /** When it was first sent. */
  readonly fromMs: number;
  /** Id of the publish in flight; 0 for none. */
  id: number;
  sentAtMs: number;
  attempts: number;
  /** When to send it again; Infinity while a publish is in flight. */
  againAtMs: number;
}

/**
 * Makes sure that the ledger is read far enough before a delivery is decided. What other dispatchers published before a delivery
 * reached us precedes, in our ledger, any marker that we publish after that delivery. Where there is no such certainty,
 * deliveries are deferred until a marker comes back. This applies to the first deliveries of a subscription or a channel, those
 * after another dispatcher's publish was seen, and those after a gap in deliveries.
 */
export class CatchingUp {
  readonly deferred = new DeferredDeliveries();
  readonly #step: Step;
  readonly #instance: string;
  /** Deliveries below this number may be decided. */
  #decidableTo = 0;
  #marker: Marker | undefined;
  #markers = 0;
  #notBeforeMs = 0;

  constructor(step: Step, instance: string) {
    this.#step = step;
    this.#instance = instance;
  }

  /** Nothing is deferred, and new deliveries may be decided at once. */
  get isDone(): boolean {
    return this.#decidableTo === Number.POSITIVE_INFINITY && this.deferred.size === 0;
  }

  /** A marker is in flight or about to be sent. */
  get isInProgress(): boolean {
    return this.#marker !== undefined || this.#hasUndecidable;
  }

  /** When the oldest unsettled marker publish was sent; Infinity for none. */
  get oldestSentAtMs(): number {
    return this.#marker && this.#marker.id !== 0 ? this.#marker.sentAtMs : Number.POSITIVE_INFINITY;
  }

  get #hasUndecidable(): boolean {
    return this.deferred.size > 0 && this.deferred.tail > this.#decidableTo;
  }

  /** The next delivery that may be decided. */
  next(): Incoming | undefined {
    return this.deferred.head < this.#decidableTo ? this.deferred.shift() : undefined;
  }

  /** No delivery may be decided, and a marker in flight proves nothing: the channel is new, or a publish was lost. */
  startOver(): void {
    this.#marker = undefined;
    this.#decidableTo = this.deferred.head;
    this.#notBeforeMs = 0;
  }

  /** Like `startOver`, after a lost publish. The channel is gone or about to go, so sending at once is useless. */
  startOverLater(): void {
    this.startOver();
    this.#notBeforeMs = this.#step.nowMs + this.#step.options.retry.minMs;
  }

  /**
   * The ledger has another dispatcher's publish. Deliveries from now on need a marker; a marker in flight is still behind that
   * publish.
   */
  requireMarkerAfterForeign(): void {
    if (!this.#marker) this.#decidableTo = Math.min(this.#decidableTo, this.deferred.tail);
  }

  /** Another dispatcher may have been active until now. Deliveries from now on need a marker that is sent from now on. */
  requireMarkerAfterGap(): void {
    const { tail } = this.deferred;
    if (this.#marker) this.#marker.covers = Math.min(this.#marker.covers, tail);
    else this.#decidableTo = Math.min(this.#decidableTo, tail);
  }

  /** Sends a marker if one is needed: by a deferred delivery, or by something else (`needed`). */
  send(needed = false): void {
    if (this.#marker || !(needed || this.#hasUndecidable) || this.#step.nowMs < this.#notBeforeMs) return;
    const token = `${this.#instance}-${++this.#markers}`;
    const covers = Number.POSITIVE_INFINITY;
    this.#marker = { token, covers, fromMs: this.#step.nowMs, id: 0, sentAtMs: 0, attempts: 0, againAtMs: 0 };
    this.#publish(this.#marker);
  }

  /** True if the outcome belongs to a marker. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    const marker = this.#marker;
    if (!marker || marker.id !== id) return false;
    marker.id = 0;
    const { retry, confirmTimeoutMs } = this.#step.options;
    const pauseMs = outcome === "confirmed" ? confirmTimeoutMs : backoffMs(retry, marker.attempts, this.#step.random);
    // Confirmed but never seen again: the ledger queue was purged or recreated. The next marker will be seen.
    marker.againAtMs = this.#step.nowMs + pauseMs;
    return true;
  }

  /** A token came back from the ledger. Returns when its marker was first sent; undefined if that marker no longer counts. */
  onToken(token: string): number | undefined {
    const marker = this.#marker;
    if (!marker || marker.token !== token) return undefined;
    this.#marker = undefined;
    this.#decidableTo = marker.covers;
    return marker.fromMs;
  }

  onTick(): void {
    const marker = this.#marker;
    if (marker && marker.againAtMs <= this.#step.nowMs) this.#publish(marker);
    else this.send();
  }

  /** Whichever copy comes back proves the same, so a repeated marker has the same token. */
  #publish(marker: Marker): void {
    marker.id = this.#step.nextId();
    marker.sentAtMs = this.#step.nowMs;
    marker.attempts++;
    marker.againAtMs = Number.POSITIVE_INFINITY;
    this.#step.push({ type: "marker", claim: marker.id, token: marker.token });
  }
}
