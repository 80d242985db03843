import type { CoreOptions, CoreParts } from "./core-options.ts";
import type { DedupTable } from "./dedup-table.ts";
import type { Effect, Incoming } from "./events.ts";

const nothing: Effect[] = [];

/** Broker messages carry first arrivals in whole seconds, rounded up: at most this much too late. */
export const roundingMs = 1000;

/**
 * The handling of one event: the time, and the effects. All parts of the core add effects in order, and share its options, table
 * and random source.
 */
export class Step {
  readonly options: CoreOptions;
  readonly table: DedupTable;
  readonly random: () => number;
  nowMs = 0;
  /** The delivery decided last, to name the one at which the core failed. */
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

  /** Returns the effects, once. */
  finish(): Effect[] {
    if (this.#effects.length === 0) return nothing;
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Id of the next publish; its outcome is reported under this id. */
  nextId(): number {
    return ++this.#lastId;
  }
}
