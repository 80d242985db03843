import { readFile } from "node:fs/promises";
import { writeAtomic } from "../lib/atomic-file.ts";

/** The lines of a file, or none if it is missing. Rejects with the disk's error. */
export async function readLines(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return "";
  });
  return text.split("\n").filter((line) => line !== "");
}

/** Writes the lines atomically; not synced. Rejects with the disk's error. */
export async function writeLines(file: string, lines: readonly string[]): Promise<void> {
  await writeAtomic(file, [...lines, ""].join("\n"), { mode: 0o644, synced: "nothing" });
}
