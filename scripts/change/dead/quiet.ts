/** More than the heartbeats of an idle broker, which are some dozens of bytes in this time. */
const bytesLeast = 1024;

/** Calls `onQuiet` when neither a message nor a part of one has arrived for a while. */
export class Quiet {
  readonly #bytesRead: () => number;
  readonly #timer: NodeJS.Timeout;
  #bytesBefore: number;

  constructor(bytesRead: () => number, quietMs: number, onQuiet: () => void) {
    this.#bytesRead = bytesRead;
    this.#bytesBefore = bytesRead();
    this.#timer = setTimeout(() => {
      // A large message on a slow line is delivered only when it is complete.
      if (bytesRead() - this.#bytesBefore >= bytesLeast) this.refresh();
      else onQuiet();
    }, quietMs);
  }

  /** To be called for each message. */
  refresh(): void {
    this.#bytesBefore = this.#bytesRead();
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
