/**
 * One event after the other: what is told while one is being handled waits until that is done. Handling that throws is the end: nothing
 * can be relied on any more, so nothing more is handled, and the failure is told once.
 */
export class SerialHandler<E> {
  readonly #handle: (event: E) => void;
  readonly #onFailure: (error: Error) => void;
  readonly #waiting: E[] = [];
  #isHandling = false;
  #hasFailed = false;

  constructor(handle: (event: E) => void, onFailure: (error: Error) => void) {
    this.#handle = handle;
    this.#onFailure = onFailure;
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  tell(event: E): void {
    if (this.#hasFailed) return;
    if (this.#isHandling) {
      this.#waiting.push(event);
      return;
    }
    this.#isHandling = true;
    try {
      for (let next: E | undefined = event; next !== undefined; next = this.#waiting.shift()) this.#handle(next);
    } catch (error) {
      this.#hasFailed = true;
      this.#onFailure(error as Error);
    }
    this.#isHandling = false;
  }
}
