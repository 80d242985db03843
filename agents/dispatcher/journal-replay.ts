import type { DedupTable } from "./dedup-table.ts";

/** Receives, at opening, what an earlier process knew, in the order in which it learned it. */
export interface Replay {
  arrival(key: string, atMs: number, source: string, sizeBytes: number, certain: boolean): void;
  certain(key: string): void;
  served(key: string): void;
  twin(key: string, ref: number): void;
}

/** Puts it into the table, beyond the limit if necessary, so that nothing within the window is forgotten. */
export function tableReplay(table: DedupTable, nowMs: number): Replay {
  const find = (key: string, note: (slot: number) => void): void => {
    const slot = table.find(key, nowMs);
    if (slot >= 0) note(slot);
  };
  return {
    arrival(key, atMs, source, sizeBytes, certain) {
      const slot = table.find(key, nowMs);
      if (slot < 0) table.restore(key, atMs, source, sizeBytes, certain);
      else {
        if (table.source(slot) !== source) table.setSource(slot, source, sizeBytes);
        if (certain) table.setCertain(slot);
      }
    },
    certain: (key) => find(key, (slot) => table.setCertain(slot)),
    served: (key) => find(key, (slot) => table.setPulled(slot)),
    twin: (key, ref) => find(key, (slot) => table.setTwinRef(slot, ref)),
  };
}
