import { productName } from "../../agents/lib/announcement.ts";
import type { ChaosCopy, ChaosProduct } from "./products.ts";
import type { Seen, SeenReceipt } from "./tap.ts";

/** An observed message about a product, once even if the broker redelivers it. */
export interface Sighting {
  /** `<publisher>-<number>`, unique for each publish. */
  readonly messageId: string;
  /** Host of the URL in it. */
  readonly source: string;
  readonly atMs: number;
  /** The publisher has marked it as a possible repeat. */
  readonly doubt: boolean;
}

/** A file in a receiver folder. */
export interface DeliveredFile {
  readonly pds: string;
  readonly file: string;
  readonly atMs: number;
  /** The fault of its content; undefined if it is its URP's. */
  readonly wrong: string | undefined;
}

/** All evidence of one product. */
export interface ProductRecord {
  readonly name: string;
  readonly key: string;
  readonly copies: readonly { readonly urp: string; readonly file: string; readonly path: string; size: number }[];
  /** When each copy was complete, by URP. */
  readonly writtenMs: Map<string, number>;
  readonly announced: Sighting[];
  readonly dispatched: Sighting[];
  /** Announcements of the other URP's copy, after a failed fetch. */
  readonly twins: Sighting[];
  readonly dead: { readonly reason: string; readonly atMs: number }[];
  /** Pullers' receipts: one for each delivery from the pull queue, and one more if its confirm was lost. */
  readonly receipts: { readonly messageId: string; readonly atMs: number }[];
  readonly delivered: DeliveredFile[];
}

/** A dispatch of a first arrival, for takeover times and pauses. */
export interface Notify {
  readonly atMs: number;
  readonly publisher: string;
}

/** An event about a retired product. */
export interface Straggler {
  readonly name: string;
  readonly what: string;
  readonly atMs: number;
}

/** The publisher in a message id. */
export const publisherOf = (messageId: string): string => messageId.slice(0, messageId.lastIndexOf("-"));

/** Records writes, observed messages and arrivals. Old products without findings can be retired, so that a long run stays small. */
export class Evidence {
  readonly #mark: string;
  readonly #products = new Map<string, ProductRecord>();
  readonly #byKey = new Map<string, ProductRecord>();
  #notifies: Notify[] = [];
  readonly stragglers: Straggler[] = [];
  /** Retired products: each was attempted, announced and delivered once. */
  retired = 0;
  /** Time of the last message or delivery. */
  movedMs = 0;

  /** @param mark common part of the names of this run's files */
  constructor(mark: string) {
    this.#mark = mark;
  }

  get products(): readonly ProductRecord[] {
    return [...this.#products.values()];
  }

  product(name: string): ProductRecord | undefined {
    return this.#products.get(name);
  }

  /** First arrivals since the last `forgetNotifies`, in order of observation. */
  get notifies(): readonly Notify[] {
    return this.#notifies;
  }

  attempted({ name, key, copies }: ChaosProduct): void {
    const record: ProductRecord = {
      name,
      key,
      copies: copies.map(({ urp, file, path, size }) => ({ urp, file, path, size })),
      writtenMs: new Map(),
      announced: [],
      dispatched: [],
      twins: [],
      dead: [],
      receipts: [],
      delivered: [],
    };
    this.#products.set(name, record);
    this.#byKey.set(key, record);
  }

  written({ name }: ChaosProduct, { urp }: ChaosCopy, atMs: number): void {
    this.#products.get(name)?.writtenMs.set(urp, atMs);
  }

  saw(seen: Seen | SeenReceipt): void {
    if (seen.kind === "pulled") {
      const { key, messageId, atMs } = seen;
      const receipts = this.#byKey.get(key)?.receipts;
      if (!receipts?.some((one) => one.messageId === messageId)) receipts?.push({ messageId, atMs });
      return;
    }
    const { kind, file, source, messageId, doubt, reason, atMs } = seen;
    const record = this.#find(file, kind, messageId, atMs);
    if (!record) return;
    this.movedMs = atMs;
    if (kind === "dead") {
      record.dead.push({ reason: reason ?? "no reason given", atMs });
      return;
    }
    const sightings = record[kind];
    if (sightings.some((one) => one.messageId === messageId)) return;
    sightings.push({ messageId, source, atMs, doubt });
    if (kind === "dispatched") this.#notifies.push({ atMs, publisher: publisherOf(messageId) });
  }

  delivered(delivery: DeliveredFile): void {
    const record = this.#find(delivery.file, "delivered", delivery.pds, delivery.atMs);
    if (!record) return;
    this.movedMs = Date.now();
    record.delivered.push(delivery);
  }

  /** Products with both copies written before `beforeMs` that are in no receiver folder. */
  undelivered(beforeMs = Number.POSITIVE_INFINITY): ProductRecord[] {
    return this.products.filter(
      ({ copies, writtenMs, delivered }) =>
        delivered.length === 0 &&
        writtenMs.size === copies.length &&
        [...writtenMs.values()].every((writtenAtMs) => writtenAtMs < beforeMs),
    );
  }

  /** Retires products that were announced once and delivered once, all before `beforeMs`. Returns them, so that their files can be deleted. */
  retire(beforeMs: number): ProductRecord[] {
    const done = this.products.filter((record) => isDone(record, beforeMs));
    for (const { name, key } of done) {
      this.#products.delete(name);
      this.#byKey.delete(key);
    }
    this.retired += done.length;
    return done;
  }

  forgetNotifies(beforeMs: number): void {
    this.#notifies = this.#notifies.filter(({ atMs }) => atMs >= beforeMs);
  }

  /** The record of a file of this run. Foreign files are ignored; those of retired products are stragglers. */
  #find(file: string, kind: Exclude<Seen["kind"], "pulled"> | "delivered", by: string, atMs: number) {
    const name = productName(file);
    const record = this.#products.get(name);
    // A URP may repeat an unconfirmed announcement at any time. The dispatcher drops it.
    if (!record && file.includes(this.#mark) && kind !== "announced") {
      this.stragglers.push({ name, what: `${kind} again (${by})`, atMs });
    }
    return record;
  }
}

function isDone(record: ProductRecord, beforeMs: number): boolean {
  const { copies, writtenMs, dispatched, delivered, announced, dead } = record;
  return (
    writtenMs.size === copies.length &&
    dispatched.length === 1 &&
    delivered.length === 1 &&
    delivered[0]?.wrong === undefined &&
    announced.length > 0 &&
    dead.length === 0 &&
    [...writtenMs.values(), ...delivered.map(({ atMs }) => atMs)].every((atMs) => atMs < beforeMs)
  );
}
