import { z } from "zod";
import type { ConfigIssue } from "./errors.ts";

/** Of the lines. It changes when a line's meaning does; a new event or key is no new version. */
export const exportVersion = 1;

/** The last time, and the first one, that a Date can be. */
const timeMax = 8.64e15;
/** Milliseconds since 1970, by the clock of the agent's host. */
const timeMs = z.number().min(-timeMax).max(timeMax);
/** md5 in hex, by which announcements and dispatchers know a product. */
const key = z.string();
const sizeBytes = z.number();

/** The announcer and the watcher: the announcement of a file was safe on disk. `path` is below the agent's root. */
const announcedEntry = z.object({
  event: z.literal("announced"),
  timeMs,
  /** Of the announcer's: the watcher's journal has none. */
  key: key.optional(),
  path: z.string(),
  sizeBytes,
  modifiedMs: timeMs,
});

/** The dispatcher: the first announcement of a product went out. `timeMs` is when that arrived; `source`: the host that announced it. */
const sentEntry = z.object({
  event: z.literal("sent"),
  timeMs,
  key,
  source: z.string(),
  sizeBytes,
  /** Whether it is proven that it is in the pull queue. */
  confirmed: z.boolean(),
});

/** The dispatcher: it was proven later that a product which was sent is in the pull queue. */
const confirmedEntry = z.object({ event: z.literal("confirmed"), key });

/** The dispatcher: a puller has reported the product. */
const pulledEntry = z.object({ event: z.literal("pulled"), key });

/** The dispatcher: the other radar server's announcement is kept, for pullers that ask for it. */
const twinEntry = z.object({ event: z.literal("twin"), timeMs, key, routingKey: z.string(), body: z.string() });

/** The puller: the product has its own name in the receiver queue folder, or had it. `kind`: which announcement it came by. */
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

/** What an agent's journal has of one product. */
export type ExportEntry = z.infer<typeof exportEntry>;

/** A line of `--export`. Keys that a later version adds are left out. */
const exportLine = z.object({ version: z.literal(exportVersion), agent: z.string() }).and(exportEntry);
export type ExportLine = z.infer<typeof exportLine>;

/** @returns undefined where it is no line of this version, or torn */
export function parseExportLine(text: string): ExportLine | undefined {
  try {
    return exportLine.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Which entries are wanted. */
export interface Selection {
  /** Milliseconds since 1970; entries that have no time are left out then. */
  readonly sinceMs?: number;
  /** 32 hexadecimal digits in lower case. */
  readonly key?: string;
}

const isoTime = z.iso.datetime({ offset: true });

/** Reads `--since` and `--key`; what is wrong with them goes to `issues`. */
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

/** Characters that are written at a time. */
const chunkLength = 64 * 1024;

/**
 * Writes the wanted entries as JSON lines, as fast as they are read. Ends early, and in order, where the reader has gone. Rejects with what
 * reading or writing says.
 */
export async function writeExport(
  to: NodeJS.WritableStream,
  agent: string,
  entries: AsyncIterable<ExportEntry>,
  selection: Selection,
): Promise<void> {
  // The callback of the write has it.
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
