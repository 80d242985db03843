import type { Incoming } from "./events.ts";

/** Deliveries that wait to be decided, first in first out. Each has a number: how many came before it, ever. */
export class Aside {
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
