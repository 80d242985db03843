import type { Draft } from "./draft.ts";
import type { Left } from "./options.ts";

const duplicatesMax = 5_000_000;
const batchMax = 1000;
const settleSecondsMax = 3600;

/** Options of all senders about their txq and the order of its files. */
export function txqPart<R>(draft: Draft, queueDirectory: string, rules: R, left: ReadonlyMap<string, Left>) {
  const settleSeconds = draft.number("mtime", 0, settleSecondsMax);
  const sorter = draft.lineOf("sorter");
  const sorted = left.get("sorter");
  if (sorter && sorted && sorter.words[0] !== "MultiKeysStringSorter") draft.find(sorter, sorted);
  return {
    queueDirectory,
    rules,
    validation: draft.flag("validation") ?? true,
    noDuplicates: draft.flag("noduplicates") ?? true,
    duplicatesMax: draft.number("cache_size", 1, duplicatesMax),
    batch: draft.number("batch", 1, batchMax),
    settleMs: settleSeconds === undefined ? undefined : settleSeconds * 1000,
  };
}
