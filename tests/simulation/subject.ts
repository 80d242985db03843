/** The simulated code in one module, so that a seeded bug can be bundled into it. */
export { DispatcherCore } from "../../agents/dispatcher/core.ts";
export { DedupTable } from "../../agents/dispatcher/dedup-table.ts";
export { tableReplay } from "../../agents/dispatcher/journal-replay.ts";
