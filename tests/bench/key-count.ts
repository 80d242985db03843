import { UserError } from "../../agents/lib/errors.ts";
import { scanV00 } from "../../agents/lib/scan-v00.ts";
import { keyOf } from "./pairs.ts";

/** Counts dispatched messages by product. A rate with wrong or missing messages means nothing. */
export class KeyCount {
  readonly #products: ReadonlyMap<string, number>;
  readonly #counts: Uint8Array;
  readonly #timesEach: number;
  #foreign = 0;
  #received = 0;

  /** For the products of one run, each expected `times` times. */
  constructor(run: string, products: number, timesEach: number) {
    const keys = Array.from({ length: products }, (_, product) => [keyOf(run, product), product] as const);
    this.#products = new Map(keys);
    this.#counts = new Uint8Array(products);
    this.#timesEach = timesEach;
  }

  /** Messages of this run. */
  get received(): number {
    return this.#received;
  }

  get isComplete(): boolean {
    return this.#received >= this.#counts.length * this.#timesEach;
  }

  add(body: Buffer): void {
    const key = scanV00(body)?.key;
    const product = key === undefined ? undefined : this.#products.get(key);
    if (product === undefined) {
      this.#foreign++;
      return;
    }
    this.#received++;
    this.#counts[product] = (this.#counts[product] ?? 0) + 1;
  }

  /** @throws UserError for a missing, repeated or foreign product */
  check(what: string): void {
    const missing = this.#counts.reduce((sum, count) => sum + Math.max(0, this.#timesEach - count), 0);
    const repeated = this.#counts.reduce((sum, count) => sum + Math.max(0, count - this.#timesEach), 0);
    if (missing + repeated + this.#foreign === 0) return;
    throw new UserError(
      what,
      `of ${this.#counts.length} products ${missing} are missing, ${repeated} are repeated, ${this.#foreign} messages are foreign`,
      "the dispatcher or this machine's broker has a fault, so the figures mean nothing",
    );
  }
}
