import { appendFile, mkdir, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { checkout } from "./places.ts";

/** Who changed a stack, and when: ISO 8601, UTC. */
export interface Logged {
  readonly at: string;
  readonly by: string;
}

/** A verb's log of what it did to a stack, in this checkout; one line for each run. */
export const stackLogFile = (kind: string, stack: string): string =>
  join(checkout, ".warren", kind, `${stack.replaceAll("/", "-")}.jsonl`);

/** Adds a line: who, when, what. */
export async function appendLog(file: string, what: object): Promise<void> {
  const line = { at: new Date().toISOString(), by: userInfo().username, ...what };
  await mkdir(dirname(file), { recursive: true });
  await appendFile(file, `${JSON.stringify(line)}\n`);
}

/** All lines, oldest first. A line that a full disk has truncated is left out. */
export async function readLog<What>(file: string): Promise<(What & Logged)[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as What & Logged];
    } catch {
      return [];
    }
  });
}
