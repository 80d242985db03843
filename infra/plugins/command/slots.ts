/** A limited number of slots, granted in the order of requests. The limit can only shrink. */
export class Slots {
  #limit: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Waits for a slot. The returned function releases it, once. */
  async take(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken >= this.#limit) await this.#wait(signal);
    else this.#taken++;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#release();
    };
  }

  /** Reduces the limit below the number of slots in use; false if that is not possible. */
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

  #release(): void {
    // The slot goes directly to the next waiting caller, unless the limit has shrunk.
    const next = this.#taken <= this.#limit ? this.#waiting.shift() : undefined;
    if (next === undefined) this.#taken--;
    else next();
  }
}
