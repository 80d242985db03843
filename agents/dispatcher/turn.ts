import type { Effect, Incoming } from "./events.ts";

const nothing: Effect[] = [];

/** One event being handled: the time, and what is to be done. All parts of the core write into it, in order. */
export class Turn {
  nowMs = 0;
  /** The delivery that was decided about last, for whoever has to say at which one the core failed. */
  deciding: Incoming | undefined;
  #effects: Effect[] = [];
  #lastId = 0;

  push(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** What is to be done, once. */
  end(): Effect[] {
    if (this.#effects.length === 0) return nothing;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** For whatever is published: its outcome is told under this. */
  nextId(): number {
    return ++this.#lastId;
  }
}
