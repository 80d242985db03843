import { bitOf, bodyOf, keyOf, type Message, newMessage, queueNumber } from "./message.ts";

const inputTopic = "v00.urp.input.RADAR";

export interface AnnouncerOptions {
  /** Number of the radar server. */
  readonly source: number;
  /** How long a confirmed announcement is kept, to be announced again; 0: never. */
  readonly keepMs: number;
  readonly nowMs: () => number;
  readonly nextNumber: () => number;
  /** The broker beside this host has it. */
  readonly put: (message: Message, beside: number) => void;
  /** A host that holds the virtual IP. */
  readonly holder: () => number;
}

interface Kept {
  readonly product: number;
  /** For the first time: saying it again makes it no younger. */
  readonly confirmedAtMs: number;
}

/** A radar server's announcer: each announcement once, and once more what was confirmed lately, after each new connection. */
export class Announcer {
  readonly source: number;
  /** It announces, and its products can be fetched. */
  isAlive = true;
  /** The host whose broker it is connected to; undefined: none. */
  beside: number | undefined;
  readonly #options: AnnouncerOptions;
  #kept: Kept[] = [];
  /** To be announced again. */
  #again: Kept[] = [];
  #wasLost = false;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    this.source = options.source;
  }

  /** Nothing is left to be announced again. */
  get isIdle(): boolean {
    return !this.isAlive || (this.#again.length === 0 && !this.#wasLost);
  }

  /** Its connection is another one now. */
  moveTo(beside: number): void {
    this.lose();
    this.beside = beside;
  }

  announce(product: number): void {
    const { nowMs, keepMs } = this.#options;
    const confirmedAtMs = nowMs();
    this.#put(product, confirmedAtMs, false);
    if (keepMs > 0) this.#kept.push({ product, confirmedAtMs });
  }

  /** What was confirmed less than the time before that it is kept, will be announced again. */
  lose(): void {
    const { nowMs, keepMs } = this.#options;
    // Nothing gets too old while it can't be said, or is being said.
    const sinceMs = this.#wasLost || this.#again.length > 0 ? 0 : nowMs() - keepMs;
    this.#kept = this.#kept.filter(({ confirmedAtMs }) => confirmedAtMs >= sinceMs);
    this.beside = undefined;
    this.#again = [];
    this.#wasLost = keepMs > 0;
  }

  /** The next of those that are to be announced again. */
  announceAgain(): boolean {
    if (!this.isAlive) return false;
    this.#connect();
    const kept = this.#again.shift();
    if (kept) this.#put(kept.product, kept.confirmedAtMs, true);
    return kept !== undefined;
  }

  die(): void {
    this.isAlive = false;
    this.#kept = [];
    this.#again = [];
  }

  #connect(): number {
    this.beside ??= this.#options.holder();
    if (this.#wasLost) this.#again = [...this.#kept];
    this.#wasLost = false;
    return this.beside;
  }

  #put(product: number, confirmedAtMs: number, again: boolean): void {
    const { source, nowMs, nextNumber, put } = this.#options;
    const message = newMessage({
      number: nextNumber(),
      kind: "announcement",
      product,
      source,
      body: bodyOf(product, source),
      routingKey: inputTopic,
      stampMs: confirmedAtMs,
      decidedAtMs: nowMs(),
      author: 0,
      host: -1,
      doubt: false,
      text: keyOf(product),
      targets: bitOf(queueNumber.input),
      claim: 0,
      again,
    });
    put(message, this.#connect());
  }
}
