import { readFileSync } from "node:fs";
import { z } from "zod";
import { writeAtomicSync } from "../lib/atomic-file.ts";

const schema = z.array(z.string().min(1));

/** The other pullers by name, as the process before this one knew them; none where that can't be read, which `onFailure` is told. */
export function readKnownPeers(file: string, onFailure: (error: Error) => void): string[] {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") onFailure(error as Error);
    return [];
  }
}

/** Whole or not at all, and with the system when it returns: a kill loses none. Not synced: what is placed isn't known after a loss of power either. */
export function writeKnownPeers(file: string, others: readonly string[], onFailure: (error: Error) => void): void {
  try {
    writeAtomicSync(file, JSON.stringify(others));
  } catch (error) {
    onFailure(error as Error);
  }
}
