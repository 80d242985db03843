import { readFile } from "node:fs/promises";
import { z } from "zod";
import { writeAtomic } from "../lib/atomic-file.ts";
import { UserError } from "../lib/errors.ts";
import { keyOf, type Watched } from "./decide.ts";

const watchedList = z.array(
  z.strictObject({
    vhost: z.string(),
    name: z.string(),
    unusedMs: z.number(),
    seenMs: z.number(),
    uses: z.number(),
    stage: z.enum(["seen", "warned", "unbound", "stuck"]),
    bindings: z.array(
      z.strictObject({ source: z.string(), routingKey: z.string(), arguments: z.record(z.string(), z.unknown()) }),
    ),
  }),
);

/** What is remembered of queues over restarts: one file of JSON, whole under its name or not at all, synced. */
export class WatchedFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<Map<string, Watched>> {
    const text = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "[]";
      throw error;
    });
    try {
      return new Map(watchedList.parse(JSON.parse(text)).map((watched) => [keyOf(watched), watched]));
    } catch (cause) {
      // It may hold bindings that somebody is to get back: not for this program to throw away.
      const remedy =
        "move the file away: what is remembered starts anew, and the audit file has the bindings taken off";
      throw new UserError(this.#path, "is not what this agent wrote", remedy, { cause });
    }
  }

  async save(watched: ReadonlyMap<string, Watched>): Promise<void> {
    await writeAtomic(this.#path, JSON.stringify([...watched.values()]));
  }
}
