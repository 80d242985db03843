import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import * as z from "zod";
import type { Product, ProductState } from "./product.ts";

/** A file of another version is set aside, and the auditor begins again. */
export const schemaVersion = 1;

/** Rows are in the order of their first sightings, so those that change are close together on disk, and the oldest are deleted first. */
export const schema = `
CREATE TABLE products (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL, path TEXT NOT NULL, state TEXT NOT NULL, since_ms INTEGER, first_ms INTEGER NOT NULL,
  announced_ms INTEGER, announced_by TEXT, second_ms INTEGER, second_by TEXT, closed_ms INTEGER,
  dispatched_ms INTEGER, dispatch_id TEXT, twin_ms INTEGER, placed_ms INTEGER, puller TEXT, placing_id TEXT, unmarked_id TEXT,
  flags INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX product_key ON products (key);
CREATE INDEX product_waiting ON products (since_ms) WHERE state = 'waiting';
CREATE INDEX product_overdue ON products (since_ms) WHERE state = 'overdue';
CREATE TABLE dead_letters (id TEXT PRIMARY KEY, key BLOB, reason TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
CREATE INDEX dead_letter_key ON dead_letters (key) WHERE key IS NOT NULL;
CREATE TABLE hours (start_ms INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE public_hours (start_ms INTEGER PRIMARY KEY, content TEXT NOT NULL) STRICT;
CREATE TABLE incidents (id INTEGER PRIMARY KEY, name TEXT NOT NULL, began_ms INTEGER NOT NULL, ended_ms INTEGER, content TEXT NOT NULL) STRICT;
CREATE INDEX incident_open ON incidents (name) WHERE ended_ms IS NULL;
CREATE TABLE memory (id INTEGER PRIMARY KEY CHECK (id = 1), content TEXT NOT NULL) STRICT;
PRAGMA user_version = ${schemaVersion};
`;

/** The columns of a product, in the order of `valuesOf`. */
export const columns = [
  ...["key", "path", "state", "since_ms", "first_ms", "announced_ms", "announced_by", "second_ms", "second_by"],
  ...["closed_ms", "dispatched_ms", "dispatch_id", "twin_ms", "placed_ms", "puller", "placing_id", "unmarked_id"],
  "flags",
] as const;

export type Row = Readonly<Record<string, SQLOutputValue>>;

const flag = { dispatchedAgain: 1, repeated: 2, unsure: 4 } as const;

/** @param sinceMs what open products are sorted by */
export function valuesOf(product: Product, sinceMs: number | undefined): SQLInputValue[] {
  const { dispatchedAgain, repeated, unsure } = product;
  const flags =
    (dispatchedAgain ? flag.dispatchedAgain : 0) | (repeated ? flag.repeated : 0) | (unsure ? flag.unsure : 0);
  return [
    ...[keyBytesOf(product.key), product.path, product.state, sinceMs ?? null, product.firstMs],
    ...[product.announcedMs ?? null, product.announcedBy ?? null, product.secondMs ?? null, product.secondBy ?? null],
    ...[product.closedMs ?? null, product.dispatchedMs ?? null, product.dispatchId ?? null, product.twinMs ?? null],
    ...[product.placedMs ?? null, product.puller ?? null, product.placingId ?? null, product.unmarkedId ?? null],
    flags,
  ];
}

export function productOf(row: Row): Product {
  const number = (name: string) => (row[name] === null ? undefined : Number(row[name]));
  const text = (name: string) => (row[name] === null ? undefined : String(row[name]));
  const flags = Number(row.flags);
  return {
    key: Buffer.from(row.key as Uint8Array).toString("hex"),
    path: String(row.path),
    state: String(row.state) as ProductState,
    firstMs: Number(row.first_ms),
    announcedMs: number("announced_ms"),
    announcedBy: text("announced_by"),
    secondMs: number("second_ms"),
    secondBy: text("second_by"),
    closedMs: number("closed_ms"),
    dispatchedMs: number("dispatched_ms"),
    dispatchId: text("dispatch_id"),
    twinMs: number("twin_ms"),
    placedMs: number("placed_ms"),
    puller: text("puller"),
    placingId: text("placing_id"),
    unmarkedId: text("unmarked_id"),
    dispatchedAgain: (flags & flag.dispatchedAgain) > 0,
    repeated: (flags & flag.repeated) > 0,
    unsure: (flags & flag.unsure) > 0,
  };
}

export const keyBytesOf = (key: string): Uint8Array => Buffer.from(key, "hex");

const count = z.number().nonnegative();
const timeMs = z.number();

/** What the auditor remembers besides products. It is committed with them, so each sighting counts once, whatever dies. */
export const memorySchema = z.object({
  counts: z.object({
    ...{ announced: count, dispatched: count, placed: count, overdue: count, latePlaced: count },
    ...{ dispatchedAgain: count, repeated: count, unknown: count },
  }),
  deadProducts: count,
  deadGarbage: count,
  /** Products in these states now. */
  waiting: count,
  overdueNow: count,
  gapMs: count,
  gaps: z.array(z.object({ fromMs: timeMs, toMs: timeMs, why: z.string() })),
  /** By radar server. */
  lastAnnouncedMs: z.record(z.string(), timeMs),
  /** Everything published until then has been read. */
  heardMs: timeMs,
  /** When this was committed. */
  atMs: timeMs,
});

export type Memory = z.infer<typeof memorySchema>;

export const emptyMemory: Memory = {
  counts: {
    ...{ announced: 0, dispatched: 0, placed: 0, overdue: 0, latePlaced: 0 },
    ...{ dispatchedAgain: 0, repeated: 0, unknown: 0 },
  },
  ...{ deadProducts: 0, deadGarbage: 0, waiting: 0, overdueNow: 0, gapMs: 0 },
  ...{ gaps: [], lastAnnouncedMs: {}, heardMs: 0, atMs: 0 },
};
