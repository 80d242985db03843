import { Gaps } from "./gaps.ts";
import { Hours } from "./hours.ts";
import { judged } from "./judge.ts";
import {
  type Counts,
  countsOf,
  isPlaced,
  type Limits,
  type Product,
  type SentBetween,
  withSighting,
} from "./product.ts";
import type { ProductSighting, Sighting } from "./sighting.ts";
import type { Store } from "./store.ts";
import type { Memory } from "./store-schema.ts";

/** How long a product took, in milliseconds. */
export interface Took {
  readonly announcedToPlacedMs: number | undefined;
  readonly closedToPlacedMs: number | undefined;
}

export interface DraftOptions {
  readonly store: Store;
  readonly limits: Limits;
  /** What the radar server is called, by its host in announcements. */
  readonly serverOf: (source: string) => string;
}

/** One transaction: what is known after some sightings. Each product is read and written once, however many there are about it. */
export class Draft {
  readonly took: Took[] = [];
  memory: Memory;
  readonly hours: Hours;
  readonly #options: DraftOptions;
  readonly #before = new Map<string, Product | undefined>();
  readonly #after = new Map<string, Product>();

  constructor(memory: Memory, options: DraftOptions) {
    this.memory = memory;
    this.#options = options;
    this.hours = new Hours((startMs) => options.store.hour(startMs));
  }

  add(sighting: Sighting, at: SentBetween): void {
    if (sighting.kind === "dead-letter") {
      const isNew = this.#options.store.addDeadLetter({ ...sighting, atMs: at.nowMs });
      if (isNew && sighting.key === undefined) this.#count("deadGarbage", 1);
      else if (isNew) this.#countDeadProduct(at.nowMs);
      return;
    }
    if (sighting.kind === "announced") this.#noteServer(sighting.source, at.nowMs);
    const known = this.#known(sighting.key);
    const product = withSighting(known, sighting, at, this.#options.limits);
    if (product === known) return;
    if (isPlaced(product) && !(known && isPlaced(known))) this.#measure(product, sighting);
    this.#replace(known, product);
  }

  /** Judges a product that waits, unless a sighting of this transaction has changed it. */
  judge(product: Product, gaps: Gaps): void {
    const known = this.#known(product.key);
    if (known?.state === "waiting") this.#replace(known, judged(known, gaps, this.#options.limits));
  }

  addGap(fromMs: number, toMs: number, why: string): void {
    const gaps = new Gaps(this.memory.gaps);
    const addedMs = gaps.add({ fromMs, toMs, why });
    this.memory = { ...this.memory, gaps: [...gaps.all], gapMs: this.memory.gapMs + addedMs };
    // A gap that began before everything is the start of the record.
    if (fromMs > 0) this.hours.gap(fromMs, toMs, gaps);
  }

  /** Products that waited count as unknown when they are deleted. */
  removed({ waiting = 0, overdue = 0 }: Readonly<Partial<Record<Product["state"], number>>>): void {
    this.#count("waiting", -waiting);
    this.#count("overdueNow", -overdue);
    const { counts } = this.memory;
    this.memory = { ...this.memory, counts: { ...counts, unknown: counts.unknown + waiting } };
  }

  /** Writes products and hours to the store. */
  write(): void {
    const { store } = this.#options;
    for (const [key, product] of this.#after) store.put(this.#before.get(key), product);
    for (const hour of this.hours.changed) store.putHour(hour);
  }

  #known(key: string): Product | undefined {
    const changed = this.#after.get(key);
    if (changed) return changed;
    if (!this.#before.has(key)) this.#before.set(key, this.#options.store.product(key));
    return this.#before.get(key);
  }

  #replace(before: Product | undefined, after: Product): void {
    this.#after.set(after.key, after);
    const added = countsOf(before, after);
    const { counts } = this.memory;
    const names = Object.keys(added) as (keyof Counts)[];
    const sums = Object.fromEntries(names.map((name) => [name, counts[name] + added[name]])) as unknown as Counts;
    this.memory = { ...this.memory, counts: sums };
    const { latePlaced: placedLate, dispatchedAgain: _, ...hourly } = added;
    this.hours.add(after.firstMs, { ...hourly, placedLate });
    this.#count("waiting", Number(after.state === "waiting") - Number(before?.state === "waiting"));
    this.#count("overdueNow", Number(after.state === "overdue") - Number(before?.state === "overdue"));
  }

  #count(name: "waiting" | "overdueNow" | "deadProducts" | "deadGarbage", by: number): void {
    if (by !== 0) this.memory = { ...this.memory, [name]: Math.max(0, this.memory[name] + by) };
  }

  #countDeadProduct(nowMs: number): void {
    this.#count("deadProducts", 1);
    this.hours.add(nowMs, { deadLetters: 1 });
  }

  #noteServer(source: string, nowMs: number): void {
    const name = this.#options.serverOf(source);
    const { lastAnnouncedMs } = this.memory;
    if (lastAnnouncedMs[name] !== nowMs)
      this.memory = { ...this.memory, lastAnnouncedMs: { ...lastAnnouncedMs, [name]: nowMs } };
  }

  #measure({ placedMs = 0, firstMs, announcedMs, closedMs }: Product, sighting: ProductSighting): void {
    const placing = sighting.kind === "placed" ? sighting.placing : undefined;
    // Pullers and radar servers know both times exactly; the auditor's own clock is the next best.
    const exactMs = placing?.kind === "placed" && Math.abs(placing.placedMs - placedMs) < clocksDifferMs;
    const measuredMs = exactMs ? placing.placedMs : placedMs;
    const announcedToPlacedMs = announcedMs === undefined ? undefined : Math.max(0, placedMs - announcedMs);
    const closedToPlacedMs = closedMs === undefined ? undefined : Math.max(0, measuredMs - closedMs);
    this.took.push({ announcedToPlacedMs, closedToPlacedMs });
    const tookMs = closedToPlacedMs ?? announcedToPlacedMs;
    if (tookMs !== undefined) this.hours.took(firstMs, tookMs);
  }
}

/** A puller's time that differs more is not believed. */
const clocksDifferMs = 60_000;
