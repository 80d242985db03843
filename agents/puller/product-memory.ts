import type { Inquiry } from "./peer-message.ts";
import { Recent } from "./recent.ts";

/** Enough for everything the broker may give out twice after one lost connection, at any prefetch. */
const copiesMax = 10_000;
/** A puller's share of half an hour at a hundred products a second, of five pullers. */
const keysMax = 50_000;

/**
 * What this process did with which product, so that it is not placed twice. An announcement given out again is known by its
 * URL, size and time, whenever it comes. A twin, or what the dispatcher sends in doubt, may have another stamp and size: it is known
 * by the product's key, for `rememberedMs` alone, since after the dispatcher's window the same key is a new product. An announcement
 * without a time may be a new product, too, and is known for as long.
 *
 * Of what other pullers placed it knows nothing: they are asked. And it ends with the process: then the folder answers for what is
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
    // Elsewhere than under the dispatcher's topics the key may be anything, e.g. the data's own md5.
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
