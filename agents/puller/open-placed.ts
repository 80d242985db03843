import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExportEntry } from "../lib/journal-export.ts";
import type { Log } from "../lib/log.ts";
import { type PlacedBefore, PlacedJournal, placedByFile } from "./placed-journal.ts";
import { type StatePlace, stateFile } from "./state-file.ts";

export interface OpenPlacedOptions extends StatePlace {
  readonly log: Log;
}

/** Linux generates it at each boot. */
const bootIdFile = "/proc/sys/kernel/random/boot_id";

/** The journal of a receiver queue folder, and what was placed before. Call this before the folder is cleared. */
export async function openPlaced(
  options: OpenPlacedOptions,
): Promise<{ readonly journal: PlacedJournal; readonly before: PlacedBefore[] }> {
  const { receiverQueueDirectory, log } = options;
  const journal = new PlacedJournal({
    file: placedFile(options),
    bootId: (await readFile(bootIdFile, "utf8")).trim(),
    isUnfinished: async (part) =>
      lstat(join(receiverQueueDirectory, part)).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
      ),
    log,
    now: Date.now,
  });
  return { journal, before: await journal.open() };
}

const placedFile = (place: StatePlace): string => stateFile("placed", "jsonl", place);

/** The entries of a receiver queue folder's journal. Rejects with the system's error. */
export async function* exportPlaced(place: StatePlace): AsyncGenerator<ExportEntry> {
  const names = async () => new Set(await readdir(place.receiverQueueDirectory));
  for (const { atMs, about } of await placedByFile(placedFile(place), names)) {
    const { key, url, fileName, sizeBytes, kind } = about;
    const size = sizeBytes === undefined ? {} : { sizeBytes };
    yield { event: "placed", timeMs: atMs, key, url, fileName, ...size, kind };
  }
}
