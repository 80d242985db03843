import type { Provenance } from "./alternates.ts";
import type { Order } from "./order.ts";
import { Recent } from "./recent.ts";

/** Enough for everything the broker may give out twice after one lost connection, at any prefetch. */
const copiesMax = 10_000;
/** A puller's share of half an hour at a hundred products a second, of five pullers. */
const keysMax = 50_000;

/**
 * What this process did with which product, so that it is not placed twice. An announcement given out again is known by its
 * URL and size, whenever it comes. A twin, or what the dispatcher sends in doubt, may have another stamp and size: it is known
 * by the product's key, for `rememberedMs` alone, since after the dispatcher's window the same key is a new product.
 *
 * That is as far as one puller can see. The queue gives an announcement out again to whichever of the pullers is free, and
 * what another one has placed is neither in this memory nor in this folder: where an ack is lost together with the puller or
 * its connection, its product may be placed once more, by another puller. Only the dispatchers see all receipts; they send
 * nothing in doubt, and serve no twin, of what they have a receipt for. And the memory ends with the process: then the folder
 * answers for what is still there, by name and size.
 */
export class ProductMemory {
  readonly #rememberedMs: number;
  readonly #copies = new Recent(copiesMax);
  readonly #keys = new Recent(keysMax);
  readonly #askedFor = new Recent(copiesMax);

  constructor(rememberedMs: number) {
    this.#rememberedMs = rememberedMs;
  }

  placed(order: Order, from: Provenance["kind"], nowMs: number): void {
    this.#copies.add(copyOf(order), nowMs);
    // Elsewhere than under the dispatcher's topics the key may be anything, e.g. the data's own md5.
    if (from !== "foreign") this.#keys.add(order.key, nowMs);
  }

  wasPlaced(order: Order, from: Provenance["kind"], nowMs: number): boolean {
    if (this.#copies.has(copyOf(order))) return true;
    return from !== "foreign" && this.#keys.hasSince(order.key, nowMs, this.#rememberedMs);
  }

  /** The broker has the request for this announcement's twin. */
  askedFor(order: Order, nowMs: number): void {
    this.#askedFor.add(copyOf(order), nowMs);
  }

  wasAskedFor(order: Order, nowMs: number): boolean {
    return this.#askedFor.hasSince(copyOf(order), nowMs, this.#rememberedMs);
  }
}

function copyOf(order: Order): string {
  return `${order.sizeBytes} ${order.url}`;
}
