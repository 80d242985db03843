/** How often each of many things was seen. */
export class Tally {
  readonly #counts = new Map<string, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(what: string): void {
    this.#counts.set(what, this.of(what) + 1);
    this.#total += 1;
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }
}
