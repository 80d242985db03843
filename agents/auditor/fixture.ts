import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { Audit, type AuditOptions } from "./audit.ts";
import type { Took } from "./draft.ts";
import type { ProductSighting } from "./sighting.ts";

export const keyOf = (product: number | string): string => createHash("md5").update(String(product)).digest("hex");

type Made<Kind extends ProductSighting["kind"]> = Extract<ProductSighting, { kind: Kind }>;

export const announcedBy = (product: number, source: string, closedMs?: number): Made<"announced"> => ({
  ...{ kind: "announced", key: keyOf(product), path: `db/${product}`, source, closedMs },
});
export const dispatchedAs = (product: number, id: string, inDoubt = false): Made<"dispatched"> => ({
  ...{ kind: "dispatched", key: keyOf(product), path: `db/${product}`, id, inDoubt },
});
export const placedAt = (product: number, host: string, placedMs: number): Made<"placed"> => ({
  ...{ kind: "placed", key: keyOf(product), closedMs: undefined },
  placing: { kind: "placed", id: `${placedMs}@${host}`, host, placedMs },
});
export const placedBefore = (product: number, host = "pds-9"): Made<"placed"> => ({
  ...{ kind: "placed", key: keyOf(product), closedMs: undefined, placing: { kind: "before", host } },
});
export const unmarked = (product: number, id: string): Made<"placed"> => ({
  ...{ kind: "placed", key: keyOf(product), closedMs: undefined, placing: { kind: "unmarked", id } },
});

export const startMs = Date.UTC(2026, 11, 1);

/** An audit with a clock of its own, whose queue is checked as often as the test says. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), "warren-audit-"));
  readonly path = join(this.folder, "products.sqlite");
  readonly took: Took[] = [];
  nowMs = startMs;
  /** Numbers of the messages that were committed. */
  acked = 0;
  audit: Audit;
  readonly #options: Partial<AuditOptions>;

  constructor(options: Partial<AuditOptions> = {}) {
    this.#options = options;
    this.audit = this.opened();
  }

  opened(): Audit {
    return new Audit({
      path: this.path,
      limits: { overdueMs: 120_000, windowMs: 7_200_000 },
      checkMs: 2000,
      keepMs: 7 * 86_400_000,
      keepHistoryMs: 400 * 86_400_000,
      productsMax: 100_000,
      serverOf: (source) => source,
      log: pino({ level: "silent" }),
      nowMs: () => this.nowMs,
      onPlaced: (took) => void this.took.push(took),
      ...this.#options,
    });
  }

  restart(): void {
    this.audit.close();
    this.audit = this.opened();
  }

  take(...sightings: Parameters<Audit["take"]>[0][]): void {
    for (const one of sightings) this.audit.take(one, () => this.#ack());
  }

  #ack(): void {
    this.acked += 1;
  }

  /** Lets time pass, with checks that find so many messages waiting, and commits. */
  pass(seconds: number, messages = 0): void {
    const untilMs = this.nowMs + seconds * 1000;
    while (this.nowMs < untilMs) {
      this.nowMs += 2000;
      this.audit.hearing.checked(this.nowMs, messages);
      this.audit.commit();
    }
  }

  /** Two dispatch windows later, when every announcement that is seen is a product's first. */
  settle(): void {
    this.nowMs += 2 * 7_200_000;
    this.pass(10);
  }

  get counts() {
    const { memory } = this.audit;
    return { ...memory.counts, waiting: memory.waiting, overdueNow: memory.overdueNow };
  }

  end(): void {
    this.audit.close();
    rmSync(this.folder, { recursive: true });
  }
}
