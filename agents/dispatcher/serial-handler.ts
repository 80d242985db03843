/**
 * Handles one event at a time: events submitted meanwhile wait. If handling throws, the state can't be relied on: nothing more is
 * handled, and the failure is reported once.
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

  submit(event: E): void {
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
