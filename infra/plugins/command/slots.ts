/** A number of places, taken in order of asking; the number can only shrink. */
export class Slots {
  #limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits for a place. The returned function gives it back, once. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken >= this.#limit) await this.#wait(signal);
    else this.#taken++;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#giveBack();
    };
  }

  /** Fewer places than are taken now; false when there is nothing to shrink to. */
  shrinkBelowTaken(): boolean {
    if (this.#taken <= 1) return false;
    this.#limit = Math.min(this.#limit, this.#taken - 1);
    return true;
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener("abort", stop);
        resolve();
      };
      const stop = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#waiting.push(go);
    });
  }

  #giveBack(): void {
    // The place goes straight to the next who waits, unless there are fewer places now.
    const next = this.#taken <= this.#limit ? this.#waiting.shift() : undefined;
    if (next === undefined) this.#taken--;
    else next();
  }
}
