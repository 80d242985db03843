/** What is simulated, in one module: a seeded bug is put into a bundle of it. */
export { DispatcherCore } from "../core.ts";
export { DedupTable } from "../dedup-table.ts";
export { tableReplay } from "../journal-replay.ts";
