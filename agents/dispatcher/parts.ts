import type { CatchingUp } from "./catching-up.ts";
import type { CoreOptions } from "./core-options.ts";
import type { DedupTable } from "./dedup-table.ts";
import type { Turn } from "./turn.ts";

/** Broker messages carry first arrivals in whole seconds, rounded up: so much later than they were, at most. */
export const roundingMs = 1000;

/** What the parts of the core have in common. */
export interface Parts {
  readonly turn: Turn;
  readonly options: CoreOptions;
  readonly table: DedupTable;
  readonly catchingUp: CatchingUp;
  readonly random: () => number;
}
