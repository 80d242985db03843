import { readFileSync } from "node:fs";
import * as z from "zod";
import { writeAtomicSync } from "../lib/atomic-file.ts";

const schema = z.array(z.string().min(1));

/** Names of the other pullers that the previous process knew; none if they can't be read, which is reported to `onFailure`. */
export function readKnownPeers(file: string, onFailure: (error: Error) => void): string[] {
  try {
    return schema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") onFailure(error as Error);
    return [];
  }
}

/**
 * Written completely or not at all, and handed to the system on return, so that a kill loses nothing. Not synced: after a power
 * loss it is not known what was placed either.
 */
export function writeKnownPeers(file: string, others: readonly string[], onFailure: (error: Error) => void): void {
  try {
    writeAtomicSync(file, JSON.stringify(others));
  } catch (error) {
    onFailure(error as Error);
  }
}
