import { createHash } from "node:crypto";
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../lib/log.ts";
import { type PlacedBefore, PlacedJournal } from "./placed-journal.ts";

export interface OpenPlacedOptions {
  readonly stateDirectory: string;
  readonly receiverQueueDirectory: string;
  readonly log: Log;
}

/** Linux makes it anew at each start of the kernel. */
const bootIdFile = "/proc/sys/kernel/random/boot_id";
const idCharacters = 12;

/** The journal of a receiver queue's folder, and what was placed before. To be called before the folder is cleared. */
export async function openPlaced(
  options: OpenPlacedOptions,
): Promise<{ readonly journal: PlacedJournal; readonly before: PlacedBefore[] }> {
  const { stateDirectory, receiverQueueDirectory, log } = options;
  // Pullers that are started by hand share the state's folder where they share that of their configs.
  const id = createHash("sha256").update(receiverQueueDirectory).digest("hex").slice(0, idCharacters);
  const journal = new PlacedJournal({
    file: join(stateDirectory, `placed-${id}.jsonl`),
    bootId: (await readFile(bootIdFile, "utf8")).trim(),
    isUnfinished: async (part) =>
      lstat(join(receiverQueueDirectory, part)).then(
        () => true,
        (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
      ),
    onFailure: (error) => log.warn({ err: error }, "what is placed can't be noted: it is forgotten with this process"),
    now: Date.now,
  });
  return { journal, before: await journal.open() };
}
