import { type AuditHistory, auditHistoryVersion, type PublicHour } from "../lib/audit-history.ts";
import type { Log } from "../lib/log.ts";
import { Draft, type Took } from "./draft.ts";
import { Gaps } from "./gaps.ts";
import { Hearing } from "./hearing.ts";
import { changesOf, type OpenIncidents } from "./incidents.ts";
import type { Limits, Product, SentBetween } from "./product.ts";
import type { Sighting } from "./sighting.ts";
import { type DeadLetter, openStore, type Store, StoreCorrupt, StoreFault, setAside } from "./store.ts";
import type { Memory } from "./store-schema.ts";

export interface AuditOptions {
  /** Of the store. */
  readonly path: string;
  readonly limits: Limits;
  readonly checkMs: number;
  readonly keepMs: number;
  /** Of hours, of both paths, and incidents. */
  readonly keepHistoryMs: number;
  readonly productsMax: number;
  readonly serverOf: (source: string) => string;
  readonly log: Log;
  readonly nowMs: () => number;
  /** Counted once, except after a crash. */
  readonly onPlaced: (took: Took) => void;
}

interface Waiting {
  readonly sighting: Sighting;
  readonly at: SentBetween;
  readonly done: () => void;
}

/** Without anything to write, the time up to which all is known is written this often. */
const idleCommitMs = 10_000;
const judgedAtOnce = 2000;
const trimmedAtOnce = 2000;
/** In one answer. A month with more has other problems. */
const incidentsMax = 5000;
/** A smaller difference may be a slow start. */
const clockBackMs = 1000;

/**
 * What happened to each product, and what can't be known.
 *
 * What the counts prove. A product is **placed** if any puller said so: of that, a receipt is proof. It is **overdue** if no receipt came in time.
 * A puller that was killed between rename and receipt is no exception: it repeats its last receipts when it starts again, or its announcement is
 * redelivered, and the next puller finds the product there and says so. Only a host that doesn't come back takes receipts with it. A puller drops receipts only if it can't send 10,000 of them (`warren_puller_receipts_total{outcome="dropped"}`): then
 * products count as overdue that are not. Where a message may have been missed (a gap), a product without a receipt is **unknown**.
 * **Repeated** is a lower bound: two receipts of different placings prove it, but a host that dies with its receipts, or a puller from before
 * marks, proves nothing. **Dispatched again** includes what a broker refused and a dispatcher then sent again.
 *
 * What they don't prove: messages that a broker loses after confirming them, or that a person purges from this auditor's queue, leave no trace
 * here. A product that no radar server announced is not missed.
 */
export class Audit {
  readonly #options: AuditOptions;
  #store: Store;
  #memory: Memory;
  #gaps: Gaps;
  readonly hearing: Hearing;
  #batch: Waiting[] = [];
  #newGaps: { readonly fromMs: number; readonly toMs: number; readonly why: string }[] = [];
  #fault: string | undefined;
  #products = 0;
  #oldestWaitingMs: number | undefined;

  /** @throws StoreFault for a disk that can't be read or written */
  constructor(options: AuditOptions) {
    this.#options = options;
    const { store, memory, begun } = openStore(options.path);
    this.#store = store;
    this.#memory = memory;
    this.#gaps = new Gaps(memory.gaps);
    const nowMs = options.nowMs();
    this.hearing = new Hearing(options.checkMs, begun === undefined ? Math.min(memory.heardMs, nowMs) : nowMs);
    if (begun !== undefined) this.gap(0, nowMs, begun);
    else if (memory.atMs > nowMs + clockBackMs) this.gap(nowMs, memory.atMs, "the clock was set back");
    this.#survey();
  }

  get memory(): Memory {
    return this.#memory;
  }

  /** Why nothing can be stored at the moment. Nothing is acked until it can. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get lastGap() {
    return this.#gaps.last;
  }

  get pending(): number {
    return this.#batch.length;
  }

  /** As of the commit before, like the oldest below: metrics and health must not fail with the disk. */
  get products(): number {
    return this.#products;
  }

  get storeBytes(): number {
    return this.#store.bytes;
  }

  get oldestWaitingMs(): number | undefined {
    return this.#memory.waiting > 0 ? this.#oldestWaitingMs : undefined;
  }

  product(key: string): Product | undefined {
    return this.#store.product(key);
  }

  deadLettersOf(key: string): DeadLetter[] {
    return this.#store.deadLettersOf(key);
  }

  overdue(limit: number): Product[] {
    return this.#store.open("overdue", Number.MAX_SAFE_INTEGER, limit);
  }

  /** Hours and incidents between these times. */
  history(fromMs: number, toMs: number): AuditHistory {
    const store = this.#store;
    const incidents = store.incidents(fromMs, toMs, incidentsMax);
    const publicHours = store.publicHours(fromMs, toMs);
    return { version: auditHistoryVersion, hours: store.hours(fromMs, toMs), incidents, publicHours };
  }

  /** The alerts that fire now. False while the disk accepts nothing. */
  noteFiring(firing: OpenIncidents): boolean {
    const nowMs = this.#options.nowMs();
    return this.#kept((store) => {
      const { began, ended } = changesOf(store.openIncidents(), firing);
      if (began.length + ended.length === 0) return;
      store.transaction(() => {
        for (const [name] of ended) store.endIncident(name, nowMs);
        for (const [name, one] of began) store.beginIncident(name, one);
      });
    });
  }

  /** Hours of the public path, of which some may be known. False while the disk accepts nothing. */
  notePublic(hours: readonly PublicHour[]): boolean {
    return this.#kept((store) =>
      store.transaction(() => {
        for (const hour of hours) store.addPublicHour(hour);
      }),
    );
  }

  /** `done` is called once it is committed. */
  take(sighting: Sighting, done: () => void): void {
    this.#batch.push({ sighting, at: this.hearing.sentBetween(this.#options.nowMs()), done });
  }

  /** What is not committed is delivered again. */
  drop(): void {
    this.#batch = [];
    this.hearing.lost();
  }

  /** Messages published in this time may be missing. */
  gap(fromMs: number, toMs: number, why: string): void {
    this.#newGaps.push({ fromMs, toMs, why });
    // Applies at once: nothing may be judged overdue before it is written.
    this.#gaps.add({ fromMs, toMs, why });
  }

  /** Messages that were published since everything was read may be missing. */
  gapSinceHeard(why: string): void {
    const nowMs = this.#options.nowMs();
    this.gap(Math.min(this.hearing.heardMs, nowMs), nowMs, why);
  }

  /** The clock was set from one time to another. */
  clockSet(fromMs: number, toMs: number): void {
    this.gap(Math.min(fromMs, toMs), Math.max(fromMs, toMs), "the clock was set");
    this.hearing.restart(toMs);
  }

  /** Commits what was taken, and judges what waits for too long. False while the disk accepts nothing. */
  commit(): boolean {
    const nowMs = this.#options.nowMs();
    const batch = this.#batch;
    try {
      this.#survey();
      const due = this.#store.open("waiting", this.hearing.heardMs - this.#options.limits.overdueMs, judgedAtOnce);
      const isIdle = batch.length + due.length + this.#newGaps.length === 0;
      if (isIdle && nowMs - this.#memory.atMs < idleCommitMs && nowMs >= this.#memory.atMs) return true;
      const draft = this.#write(batch, due, nowMs);
      this.#batch = [];
      this.#newGaps = [];
      this.#memory = draft.memory;
      for (const took of draft.took) this.#options.onPlaced(took);
    } catch (error) {
      this.#failed(error);
      return false;
    }
    if (this.#fault !== undefined) this.#options.log.info("the store accepts writes again");
    this.#fault = undefined;
    for (const { done } of batch) done();
    return true;
  }

  close(): void {
    this.#store.close();
  }

  #write(batch: readonly Waiting[], due: readonly Product[], nowMs: number): Draft {
    const { limits, serverOf, productsMax, keepMs, keepHistoryMs } = this.#options;
    const store = this.#store;
    const draft = new Draft(this.#memory, { store, limits, serverOf });
    store.transaction(() => {
      for (const { fromMs, toMs, why } of this.#newGaps) draft.addGap(fromMs, toMs, why);
      for (const { sighting, at } of batch) draft.add(sighting, at);
      this.#gaps.forgetBefore(nowMs - keepMs);
      for (const product of due) draft.judge(product, this.#gaps);
      if (draft.hours.touch(nowMs)) store.trimHistory(nowMs - keepHistoryMs);
      draft.write();
      draft.removed(store.trim(productsMax, nowMs - keepMs, Math.max(trimmedAtOnce, batch.length)));
      draft.memory = { ...draft.memory, gaps: [...this.#gaps.all], heardMs: this.hearing.heardMs, atMs: nowMs };
      store.save(draft.memory);
    });
    return draft;
  }

  #survey(): void {
    this.#products = this.#store.products;
    this.#oldestWaitingMs = this.#store.oldestWaitingMs();
  }

  #kept(work: (store: Store) => void): boolean {
    try {
      work(this.#store);
      return true;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #failed(error: unknown): void {
    const { log, path, nowMs } = this.#options;
    if (error instanceof StoreFault) {
      if (this.#fault === undefined)
        log.error({ err: error }, "the store accepts nothing: nothing is acknowledged, the queue keeps it; retrying");
      this.#fault = error.message;
      return;
    }
    if (!(error instanceof StoreCorrupt)) throw error;
    log.error({ err: error, path }, "the store can't be used any more: set aside, beginning again");
    this.#store.close();
    setAside(path);
    const { store, memory } = openStore(path);
    this.#store = store;
    this.#memory = memory;
    this.gap(0, nowMs(), `its store could not be used: ${error.message}`);
  }
}
