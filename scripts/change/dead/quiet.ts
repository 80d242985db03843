/** Heartbeats come from a broker that gives nothing, too: in this time they are some dozens of bytes. */
const bytesLeast = 1024;

/** Calls `onQuiet` once nothing has come for a while: no message, and no part of one. */
export class Quiet {
  readonly #bytesRead: () => number;
  readonly #timer: NodeJS.Timeout;
  #bytesBefore: number;

  constructor(bytesRead: () => number, quietMs: number, onQuiet: () => void) {
    this.#bytesRead = bytesRead;
    this.#bytesBefore = bytesRead();
    this.#timer = setTimeout(() => {
      // A large message by a slow line is told of when it is whole.
      if (bytesRead() - this.#bytesBefore >= bytesLeast) this.refresh();
      else onQuiet();
    }, quietMs);
  }

  /** A message has come. */
  refresh(): void {
    this.#bytesBefore = this.#bytesRead();
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
