import type { CoreOptions, CoreParts } from "./core-options.ts";
import type { DedupTable } from "./dedup-table.ts";
import type { Effect, Incoming } from "./events.ts";

const nothing: Effect[] = [];

/** Broker messages carry first arrivals in whole seconds, rounded up: so much later than they were, at most. */
export const roundingMs = 1000;

/**
 * One event being handled: the time, and what is to be done. All parts of the core write into it, in order, and have
 * from it what they share: settings, the table, chance.
 */
export class Step {
  readonly options: CoreOptions;
  readonly table: DedupTable;
  readonly random: () => number;
  nowMs = 0;
  /** The delivery that was decided about last, for whoever has to say at which one the core failed. */
  deciding: Incoming | undefined;
  #effects: Effect[] = [];
  #lastId = 0;

  constructor(options: CoreOptions, { table, random = Math.random }: Pick<CoreParts, "table" | "random">) {
    this.options = options;
    this.table = table;
    this.random = random;
  }

  /** Slot of a product that is known now, else -1. */
  slotOf(key: string): number {
    return this.table.find(key, this.nowMs);
  }

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
