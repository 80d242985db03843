import { readFile } from "node:fs/promises";
import * as z from "zod";
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

/** The watched queues, kept across restarts: one JSON file, written atomically and synced. */
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
      // It may contain removed bindings that have to be restored, so this program must not discard it.
      const remedy =
        "move the file away: all queues then start from scratch; the audit file lists the removed bindings";
      throw new UserError(this.#path, "was not written by this agent", remedy, { cause });
    }
  }

  async save(watched: ReadonlyMap<string, Watched>): Promise<void> {
    await writeAtomic(this.#path, JSON.stringify([...watched.values()]));
  }
}
