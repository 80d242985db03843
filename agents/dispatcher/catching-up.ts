import { backoffMs } from "../lib/backoff.ts";
import type { PublishOutcome } from "../lib/publisher.ts";
import type { Incoming } from "./events.ts";
import type { Step } from "./step.ts";

/** Deliveries that wait to be decided, first in first out. Each has a number: how many came before it, ever. */
class Aside {
  #items: Incoming[] = [];
  /** Those before it have been taken out already. */
  #start = 0;
  #head = 0;

  get size(): number {
    return this.#items.length - this.#start;
  }

  /** Number of the first that waits, or of the next to come. */
  get head(): number {
    return this.#head;
  }

  /** Number of the next to come. */
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
    // What was taken out goes in one go, when it is the larger part.
    if (this.#start * 2 > this.#items.length) {
      this.#items.splice(0, this.#start);
      this.#start = 0;
    }
    return delivery;
  }

  /** All of them; none waits any more. */
  drain(): readonly Incoming[] {
    const all = this.#items.slice(this.#start);
    this.#head = this.tail;
    this.#items = [];
    this.#start = 0;
    return all;
  }
}

/** A token on its way through the own ledger queue. */
interface Marker {
  readonly token: string;
  /** Deliveries from this number on came after a reason to doubt that is younger than the marker. */
  covers: number;
  /** When it was sent for the first time. */
  readonly fromMs: number;
  /** Of the publish under way; 0 for none. */
  id: number;
  sentAtMs: number;
  attempts: number;
  /** To be sent again at; Infinity while a publish is under way. */
  againAtMs: number;
}

/**
 * What others published before a delivery came to us stands in our ledger before a marker that we publish after it came. So
 * deliveries of which that is not sure are kept aside until a marker has come back. Which are: the first ones of a
 * subscription or a channel, those after another's publish was seen, those after a gap without any.
 */
export class CatchingUp {
  readonly aside = new Aside();
  readonly #turn: Step;
  readonly #instance: string;
  /** Deliveries below this number may be decided. */
  #decidableTo = 0;
  #marker: Marker | undefined;
  #markers = 0;
  #notBeforeMs = 0;

  constructor(turn: Step, instance: string) {
    this.#turn = turn;
    this.#instance = instance;
  }

  /** Nothing waits, and what comes may be decided as it comes. */
  get isDone(): boolean {
    return this.#decidableTo === Number.POSITIVE_INFINITY && this.aside.size === 0;
  }

  /** A marker is on its way, or about to be. */
  get isUnderWay(): boolean {
    return this.#marker !== undefined || this.#hasUndecidable;
  }

  /** Since when a publish of a marker is not settled; Infinity for none. */
  get oldestSentAtMs(): number {
    return this.#marker && this.#marker.id !== 0 ? this.#marker.sentAtMs : Number.POSITIVE_INFINITY;
  }

  get #hasUndecidable(): boolean {
    return this.aside.size > 0 && this.aside.tail > this.#decidableTo;
  }

  /** The next delivery that may be decided. */
  next(): Incoming | undefined {
    return this.aside.head < this.#decidableTo ? this.aside.shift() : undefined;
  }

  /** Nothing that waits or comes may be decided, and a marker under way proves nothing: a new channel, or a lost publish. */
  startOver(): void {
    this.#marker = undefined;
    this.#decidableTo = this.aside.head;
    this.#notBeforeMs = 0;
  }

  /** As `startOver`, by a publish that was lost: the channel is gone, or about to be; no use in sending at once. */
  startOverLater(): void {
    this.startOver();
    this.#notBeforeMs = this.#turn.nowMs + this.#turn.options.retry.minMs;
  }

  /** Another's publish is in the ledger: what comes from now on needs a marker. One that is under way still is behind it. */
  doubtAfterForeign(): void {
    if (!this.#marker) this.#decidableTo = Math.min(this.#decidableTo, this.aside.tail);
  }

  /** Others may have worked until now: what comes from now on needs a marker that is sent from now on. */
  doubtAfterGap(): void {
    const { tail } = this.aside;
    if (this.#marker) this.#marker.covers = Math.min(this.#marker.covers, tail);
    else this.#decidableTo = Math.min(this.#decidableTo, tail);
  }

  /** Sends a marker where one is needed: a delivery waits for it, or (`needed`) anything else does. */
  send(needed = false): void {
    if (this.#marker || !(needed || this.#hasUndecidable) || this.#turn.nowMs < this.#notBeforeMs) return;
    const token = `${this.#instance}-${++this.#markers}`;
    const covers = Number.POSITIVE_INFINITY;
    this.#marker = { token, covers, fromMs: this.#turn.nowMs, id: 0, sentAtMs: 0, attempts: 0, againAtMs: 0 };
    this.#publish(this.#marker);
  }

  /** True where the outcome was of a marker. */
  onOutcome(id: number, outcome: PublishOutcome): boolean {
    const marker = this.#marker;
    if (!marker || marker.id !== id) return false;
    marker.id = 0;
    const { retry, confirmTimeoutMs } = this.#turn.options;
    const pauseMs = outcome === "confirmed" ? confirmTimeoutMs : backoffMs(retry, marker.attempts, this.#turn.random);
    // Confirmed and never seen again: the ledger queue was emptied or made anew. The next one will be seen.
    marker.againAtMs = this.#turn.nowMs + pauseMs;
    return true;
  }

  /** The ledger has given a token back: since when its marker was on its way, or undefined for one that counts no more. */
  onToken(token: string): number | undefined {
    const marker = this.#marker;
    if (!marker || marker.token !== token) return undefined;
    this.#marker = undefined;
    this.#decidableTo = marker.covers;
    return marker.fromMs;
  }

  onTick(): void {
    const marker = this.#marker;
    if (marker && marker.againAtMs <= this.#turn.nowMs) this.#publish(marker);
    else this.send();
  }

  /** Whichever of them comes back proves the same, so a second one has the same token. */
  #publish(marker: Marker): void {
    marker.id = this.#turn.nextId();
    marker.sentAtMs = this.#turn.nowMs;
    marker.attempts++;
    marker.againAtMs = Number.POSITIVE_INFINITY;
    this.#turn.push({ type: "marker", claim: marker.id, token: marker.token });
  }
}
