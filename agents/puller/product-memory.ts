import type { Inquiry } from "./peer-message.ts";
import { Recent } from "./recent.ts";

/** Enough for everything the broker may redeliver after one lost connection, at any prefetch. */
const copiesMax = 10_000;
/** One of five pullers' share of half an hour at a hundred products a second. */
const keysMax = 50_000;

/**
 * What this process did with which product, so that no product is placed twice. A redelivered announcement is recognized by its
 * URL, size and time, whenever it comes. A twin, or an unconfirmed publish, may have another stamp and size. It is recognized by
 * the product's key, and only for `rememberedMs`, because after the dispatcher's window the same key is a new product. An
 * announcement without a time may also be a new product, and is recognized for the same time.
 *
 * It does not know what other pullers placed: they are asked. It is lost when the process exits: then the folder shows what is
 * still there, by name and size.
 */
export class ProductMemory {
  readonly #rememberedMs: number;
  readonly #copies = new Recent(copiesMax);
  readonly #keys = new Recent(keysMax);
  readonly #askedFor = new Recent(copiesMax);

  constructor(rememberedMs: number) {
    this.#rememberedMs = rememberedMs;
  }

  placed(about: Inquiry, nowMs: number): void {
    this.#copies.add(copyOf(about), nowMs);
    // Outside the dispatcher's topics the key may be anything, for example the md5 of the data.
    if (about.kind !== "foreign") this.#keys.add(about.key, nowMs);
  }

  wasPlaced(about: Inquiry, nowMs: number): boolean {
    const copy = copyOf(about);
    const isTimed = about.firstArrivalSeconds !== undefined;
    if (isTimed ? this.#copies.has(copy) : this.#copies.hasSince(copy, nowMs, this.#rememberedMs)) return true;
    return about.kind !== "foreign" && this.#keys.hasSince(about.key, nowMs, this.#rememberedMs);
  }

  /** The broker has the request for this announcement's twin. */
  askedFor(about: Inquiry, nowMs: number): void {
    this.#askedFor.add(copyOf(about), nowMs);
  }

  wasAskedFor(about: Inquiry, nowMs: number): boolean {
    return this.#askedFor.hasSince(copyOf(about), nowMs, this.#rememberedMs);
  }
}

function copyOf({ firstArrivalSeconds, sizeBytes, url }: Inquiry): string {
  return `${firstArrivalSeconds} ${sizeBytes} ${url}`;
}
