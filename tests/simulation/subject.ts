/** What is simulated, in one module: a seeded bug is put into a bundle of it. */
export { DispatcherCore } from "../../agents/dispatcher/core.ts";
export { DedupTable } from "../../agents/dispatcher/dedup-table.ts";
export { tableReplay } from "../../agents/dispatcher/journal-replay.ts";
