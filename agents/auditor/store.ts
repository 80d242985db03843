import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import {
  type AuditHour,
  auditHour,
  type Incident,
  incident,
  type PublicHour,
  publicHour,
} from "../lib/audit-history.ts";
import type { OpenIncidents } from "./incidents.ts";
import { type Product, waitingSinceMs } from "./product.ts";
import {
  columns,
  emptyMemory,
  keyBytesOf,
  type Memory,
  memorySchema,
  productOf,
  type Row,
  schema,
  schemaVersion,
  valuesOf,
} from "./store-schema.ts";

/** SQLite's result codes; an extended code has them in its lowest byte. */
const corruptCodes: ReadonlySet<number> = new Set([11, 26]);

/** A fault of the disk, which may end; the transaction was rolled back. */
export class StoreFault extends Error {}
/** The file can't be used any more. */
export class StoreCorrupt extends Error {}

/** Dead letters are few; more are a flood, of which the first are enough. */
const deadLettersMax = 100_000;
/** Kept in memory; the rest comes from the system's cache. SQLite takes a negative number as KiB. */
const cacheKiB = 32_768;
const walBytesMax = 67_108_864;

export interface DeadLetter {
  readonly id: string;
  readonly key: string | undefined;
  readonly reason: string;
  readonly atMs: number;
}

/** What deleting the oldest products has removed, by state. */
export type Removed = Readonly<Partial<Record<Product["state"], number>>>;

/**
 * The products of a week on disk, in one SQLite file. What one transaction writes is there completely or not at all, and on disk when it returns.
 * Other methods only read. All throw `StoreFault` for a full or failing disk and `StoreCorrupt` for an unusable file.
 */
export class Store {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Opens the file, or makes a new one. @throws StoreCorrupt if it is no file of this version */
  constructor(path: string) {
    this.#path = path;
    const isNew = !existsSync(path);
    this.#database = guarded(() => new DatabaseSync(path));
    try {
      guarded(() => this.#open(isNew));
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Undefined in a new file. @throws StoreCorrupt if it is not what this version writes */
  memory(): Memory | undefined {
    const row = this.#get("SELECT content FROM memory");
    if (!row) return undefined;
    try {
      return memorySchema.parse(JSON.parse(String(row.content)));
    } catch (cause) {
      throw new StoreCorrupt("its counts can't be read", { cause });
    }
  }

  transaction(work: () => void): void {
    guarded(() => this.#database.exec("BEGIN IMMEDIATE"));
    try {
      work();
      guarded(() => this.#database.exec("COMMIT"));
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  product(key: string): Product | undefined {
    const row = this.#get("SELECT * FROM products WHERE key = ?", keyBytesOf(key));
    return row && productOf(row);
  }

  /** Replaces what is known of the product; another one of the same name becomes the newest. */
  put(before: Product | undefined, after: Product): void {
    const values = valuesOf(after, waitingSinceMs(after));
    if (before?.firstMs === after.firstMs) {
      this.#run(updating, ...values, keyBytesOf(after.key));
      return;
    }
    if (before) this.#run("DELETE FROM products WHERE key = ?", keyBytesOf(after.key));
    this.#run(inserting, ...values);
  }

  /** False if it is known. */
  addDeadLetter({ id, key, reason, atMs }: DeadLetter): boolean {
    const kept = Number(this.#get("SELECT max(rowid) - min(rowid) AS kept FROM dead_letters")?.kept ?? 0);
    if (kept >= deadLettersMax)
      this.#run("DELETE FROM dead_letters WHERE rowid = (SELECT min(rowid) FROM dead_letters)");
    const bytes = key === undefined ? null : keyBytesOf(key);
    return this.#run("INSERT OR IGNORE INTO dead_letters VALUES (?, ?, ?, ?)", id, bytes, reason, atMs) > 0;
  }

  deadLettersOf(key: string): DeadLetter[] {
    const rows = this.#all("SELECT * FROM dead_letters WHERE key = ? ORDER BY at_ms LIMIT 10", keyBytesOf(key));
    return rows.map(({ id, reason, at_ms }) => ({
      ...{ id: String(id), key, reason: String(reason), atMs: Number(at_ms) },
    }));
  }

  save(memory: Memory): void {
    this.#run("INSERT OR REPLACE INTO memory VALUES (1, ?)", JSON.stringify(memory));
  }

  hour(startMs: number): AuditHour | undefined {
    const row = this.#get("SELECT content FROM hours WHERE start_ms = ?", startMs);
    return row && auditHour.parse(JSON.parse(String(row.content)));
  }

  putHour(hour: AuditHour): void {
    this.#run("INSERT OR REPLACE INTO hours VALUES (?, ?)", hour.startMs, JSON.stringify(hour));
  }

  hours(fromMs: number, toMs: number): AuditHour[] {
    const rows = this.#all("SELECT content FROM hours WHERE start_ms >= ? AND start_ms < ? ORDER BY 1", fromMs, toMs);
    return rows.map(({ content }) => auditHour.parse(JSON.parse(String(content))));
  }

  /** The first record of an hour stays: later, Prometheus may have dropped a part of it. */
  addPublicHour(hour: PublicHour): void {
    this.#run("INSERT OR IGNORE INTO public_hours VALUES (?, ?)", hour.startMs, JSON.stringify(hour));
  }

  publicHours(fromMs: number, toMs: number): PublicHour[] {
    const sql = "SELECT content FROM public_hours WHERE start_ms >= ? AND start_ms < ? ORDER BY start_ms";
    return this.#all(sql, fromMs, toMs).map(({ content }) => publicHour.parse(JSON.parse(String(content))));
  }

  openIncidents(): OpenIncidents {
    const rows = this.#all("SELECT name, content FROM incidents WHERE ended_ms IS NULL");
    return new Map(rows.map(({ name, content }) => [String(name), incident.parse(JSON.parse(String(content)))]));
  }

  /** Incidents of which a part lies between these times, the oldest first. */
  incidents(fromMs: number, toMs: number, limit: number): Incident[] {
    const rows = this.#all(
      "SELECT content, ended_ms FROM incidents WHERE began_ms < ? AND (ended_ms IS NULL OR ended_ms >= ?) ORDER BY id LIMIT ?",
      ...[toMs, fromMs, limit],
    );
    return rows.map(({ content, ended_ms }) => {
      const endedMs = ended_ms === null ? {} : { endedMs: Number(ended_ms) };
      return { ...incident.parse(JSON.parse(String(content))), ...endedMs };
    });
  }

  beginIncident(name: string, one: Incident): void {
    this.#run(
      "INSERT INTO incidents (name, began_ms, content) VALUES (?, ?, ?)",
      name,
      one.beganMs,
      JSON.stringify(one),
    );
  }

  endIncident(name: string, endedMs: number): void {
    this.#run("UPDATE incidents SET ended_ms = ? WHERE name = ? AND ended_ms IS NULL", endedMs, name);
  }

  /** Deletes hours and incidents from before. */
  trimHistory(beforeMs: number): void {
    this.#run("DELETE FROM hours WHERE start_ms < ?", beforeMs);
    this.#run("DELETE FROM public_hours WHERE start_ms < ?", beforeMs);
    this.#run("DELETE FROM incidents WHERE ended_ms < ?", beforeMs);
  }

  /** Products in this state since `untilMs` or before, the oldest first. */
  open(state: "waiting" | "overdue", untilMs: number, limit: number): Product[] {
    // The state is part of the text, so that its index is used.
    const sql = `SELECT * FROM products WHERE state = '${state}' AND since_ms <= ? ORDER BY since_ms LIMIT ?`;
    return this.#all(sql, untilMs, limit).map(productOf);
  }

  oldestWaitingMs(): number | undefined {
    const oldest = this.#get("SELECT min(since_ms) AS oldest FROM products WHERE state = 'waiting'")?.oldest;
    return typeof oldest === "number" ? oldest : undefined;
  }

  /** Deletes the oldest products and dead letters, so many at most: those beyond `productsMax`, and those first seen before `beforeMs`. */
  trim(productsMax: number, beforeMs: number, limit: number): Removed {
    const oldest = this.#get("SELECT id, first_ms FROM products ORDER BY id LIMIT 1");
    if (!oldest) return {};
    const lastId = Number(oldest.id) + Math.min(limit, Math.max(0, this.products - productsMax)) - 1;
    if (lastId < Number(oldest.id) && Number(oldest.first_ms) >= beforeMs) return {};
    const which = "id <= ? OR (id < ? AND first_ms < ?)";
    const range = [lastId, Number(oldest.id) + limit, beforeMs];
    const rows = this.#all(`SELECT state, count(*) AS n FROM products WHERE ${which} GROUP BY state`, ...range);
    this.#run(`DELETE FROM products WHERE ${which}`, ...range);
    this.#run("DELETE FROM dead_letters WHERE at_ms < ?", beforeMs);
    return Object.fromEntries(rows.map(({ state, n }) => [state, Number(n)]));
  }

  /** Rows are deleted from the oldest on, so their numbers have few holes. */
  get products(): number {
    const ends = this.#get("SELECT (SELECT max(id) FROM products) AS last, (SELECT min(id) FROM products) AS first");
    return ends?.last == null ? 0 : Number(ends.last) - Number(ends.first) + 1;
  }

  /** Of the file and its log. */
  get bytes(): number {
    const sizeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    return sizeOf(this.#path) + sizeOf(`${this.#path}-wal`);
  }

  /** For tests: beyond so many pages, the disk is full. */
  limitPages(pages: number): void {
    this.#database.exec(`PRAGMA max_page_count = ${pages}`);
  }

  close(): void {
    this.#database.close();
  }

  #open(isNew: boolean): void {
    this.#database.exec(`
      PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${cacheKiB};
      PRAGMA journal_size_limit = ${walBytesMax}; PRAGMA temp_store = MEMORY;
    `);
    const version = Number(this.#database.prepare("PRAGMA user_version").get()?.user_version);
    // A process that was killed at its first start leaves an empty file.
    if (isNew || (version === 0 && !this.#database.prepare("SELECT 1 FROM sqlite_schema").get()))
      this.#database.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`);
    else if (version !== schemaVersion) throw new StoreCorrupt(`it has version ${version}, not ${schemaVersion}`);
    try {
      for (const table of ["products", "dead_letters", "hours", "public_hours", "incidents", "memory"])
        this.#database.prepare(`SELECT * FROM ${table}`);
    } catch (cause) {
      throw new StoreCorrupt("it has other tables", { cause });
    }
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #get(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return guarded(() => this.#statement(sql).get(...values));
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    return guarded(() => this.#statement(sql).all(...values));
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): number {
    return guarded(() => Number(this.#statement(sql).run(...values).changes));
  }
}

const inserting = `INSERT INTO products (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
const updating = `UPDATE products SET ${columns.map((name) => `${name} = ?`).join(", ")} WHERE key = ?`;

/** Opens the store; one that can't be used is set aside. `begun`: why nothing is known of the time before, undefined if it is known. */
export function openStore(path: string): { store: Store; memory: Memory; begun: string | undefined } {
  const wasThere = existsSync(path);
  try {
    return opened(path, wasThere ? undefined : "its store is new");
  } catch (error) {
    if (!(error instanceof StoreCorrupt)) throw error;
    setAside(path);
    return opened(path, `its store could not be used: ${error.message}`);
  }
}

function opened(path: string, begun: string | undefined) {
  const store = new Store(path);
  try {
    const memory = store.memory();
    return { store, memory: memory ?? emptyMemory, begun: memory ? begun : (begun ?? "its store is new") };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** For a person to look at. Only the last one is kept, so that a failing disk does not fill up with them. */
export function setAside(path: string): void {
  renameSync(path, `${path}.unusable`);
  for (const ending of ["-wal", "-shm"]) rmSync(`${path}${ending}`, { force: true });
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !("errcode" in error)) throw error;
    const { errcode, message } = error as Error & { errcode: number };
    if (corruptCodes.has(errcode & 0xff)) throw new StoreCorrupt(message, { cause: error });
    throw new StoreFault(message, { cause: error });
  }
}
