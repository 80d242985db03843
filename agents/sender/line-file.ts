import { readFile } from "node:fs/promises";
import { writeWhole } from "../lib/whole-file.ts";

/** The lines of a file, none where it isn't there. Rejects with what the disk says. */
export async function readLines(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return "";
  });
  return text.split("\n").filter((line) => line !== "");
}

/** Writes them whole or not at all; not synced. Rejects with what the disk says. */
export async function writeLines(file: string, lines: readonly string[]): Promise<void> {
  await writeWhole(file, [...lines, ""].join("\n"), { mode: 0o644, synced: "nothing" });
}
