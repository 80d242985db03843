import * as z from "zod";
import type { ConfigIssue } from "./errors.ts";

/** Version of the lines. It changes if the meaning of a line does; a new event or key does not change it. */
export const exportVersion = 1;

/** The latest and, negated, the earliest time that a Date can have. */
const timeMax = 8.64e15;
/** Milliseconds since 1970, by the clock of the agent's host. */
const timeMs = z.number().min(-timeMax).max(timeMax);
/** md5 in hex, by which announcements and dispatchers identify a product. */
const key = z.string();
const sizeBytes = z.number();

/** Announcer and watcher: the announcement of a file was durable on disk. `path` is below the agent's root. */
const announcedEntry = z.object({
  event: z.literal("announced"),
  timeMs,
  /** Only from the announcer: the watcher's journal has none. */
  key: key.optional(),
  path: z.string(),
  sizeBytes,
  modifiedMs: timeMs,
});

/**
 * Dispatcher: the first announcement of a product was published. `timeMs` is when that announcement arrived; `source`: the host
 * that announced it.
 */
const sentEntry = z.object({
  event: z.literal("sent"),
  timeMs,
  key,
  source: z.string(),
  sizeBytes,
  /** Whether it is proven to be in the pull queue. */
  confirmed: z.boolean(),
});

/** Dispatcher: it was proven later that a published product is in the pull queue. */
const confirmedEntry = z.object({ event: z.literal("confirmed"), key });

/** Dispatcher: a puller has reported the product. */
const pulledEntry = z.object({ event: z.literal("pulled"), key });

/** Dispatcher: the other radar server's announcement is kept, for pullers that request it. */
const twinEntry = z.object({ event: z.literal("twin"), timeMs, key, routingKey: z.string(), body: z.string() });

/** Puller: the product has, or had, its own name in the receiver queue folder. `kind`: which announcement it came from. */
const placedEntry = z.object({
  event: z.literal("placed"),
  timeMs,
  key,
  url: z.string(),
  fileName: z.string(),
  sizeBytes: sizeBytes.optional(),
  kind: z.enum(["first", "twin", "foreign"]),
});

const exportEntry = z.discriminatedUnion("event", [
  announcedEntry,
  sentEntry,
  confirmedEntry,
  pulledEntry,
  twinEntry,
  placedEntry,
]);

/** An entry of an agent's journal about one product. */
export type ExportEntry = z.infer<typeof exportEntry>;

/** A line of `--export`. Keys that a later version adds are dropped. */
const exportLine = z.object({ version: z.literal(exportVersion), agent: z.string() }).and(exportEntry);
export type ExportLine = z.infer<typeof exportLine>;

/** @returns undefined if it is not a line of this version, or torn */
export function parseExportLine(text: string): ExportLine | undefined {
  try {
    return exportLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Which entries are wanted. */
export interface Selection {
  /** Milliseconds since 1970; entries without a time are then omitted. */
  readonly sinceMs?: number;
  /** 32 hexadecimal digits in lower case. */
  readonly key?: string;
}

const isoTime = z.iso.datetime({ offset: true });

/** Reads `--since` and `--key`; errors are added to `issues`. */
export function readSelection(since: string | undefined, wanted: string | undefined, issues: ConfigIssue[]): Selection {
  if (since !== undefined && !isoTime.safeParse(since).success) {
    issues.push({
      path: "--since",
      message: `expected a time like 2026-12-01T02:30:00Z, got ${JSON.stringify(since)}`,
    });
  }
  if (wanted !== undefined && !/^[0-9a-f]{32}$/i.test(wanted)) {
    issues.push({ path: "--key", message: `expected 32 hexadecimal digits, got ${JSON.stringify(wanted)}` });
  }
  return {
    ...(since === undefined ? {} : { sinceMs: Date.parse(since) }),
    ...(wanted === undefined ? {} : { key: wanted.toLowerCase() }),
  };
}

const isWanted = (entry: ExportEntry, selection: Selection): boolean =>
  (selection.key === undefined || entry.key === selection.key) &&
  (selection.sinceMs === undefined || ("timeMs" in entry && entry.timeMs >= selection.sinceMs));

/** Characters written at a time. */
const chunkLength = 64 * 1024;

/**
 * Writes the wanted entries as JSON lines, as fast as they are read. Stops early, without an error, if the reader has gone.
 * Rejects with reading or writing errors.
 */
export async function writeExport(
  to: NodeJS.WritableStream,
  agent: string,
  entries: AsyncIterable<ExportEntry>,
  selection: Selection,
): Promise<void> {
  // The callback of the write gets the error.
  to.on("error", () => {});
  let chunk = "";
  const flush = (): Promise<void> =>
    new Promise((resolve, reject) => to.write(chunk, (error) => (error ? reject(error) : resolve())));
  try {
    for await (const entry of entries) {
      if (!isWanted(entry, selection)) continue;
      chunk += `${JSON.stringify({ version: exportVersion, agent, ...entry })}\n`;
      if (chunk.length < chunkLength) continue;
      await flush();
      chunk = "";
    }
    if (chunk !== "") await flush();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  }
}
