import { appendFile, mkdir, readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { checkout } from "./places.ts";

/** Who did something to a stack, and when: ISO 8601, UTC. */
export interface Logged {
  readonly at: string;
  readonly by: string;
}

/** The file, in this checkout, that a verb keeps of what it did to a stack; a line each time. */
export const stackLogFile = (kind: string, stack: string): string =>
  join(checkout, ".warren", kind, `${stack.replaceAll("/", "-")}.jsonl`);

/** Adds a line: who, when, what. */
export async function appendLog(file: string, what: object): Promise<void> {
  const line = { at: new Date().toISOString(), by: userInfo().username, ...what };
  await mkdir(dirname(file), { recursive: true });
  await appendFile(file, `${JSON.stringify(line)}\n`);
}

/** All lines, the oldest first. A line that a full disk has cut is left out. */
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
