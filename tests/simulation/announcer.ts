import { bitOf, bodyOf, keyOf, type Message, newMessage, queueNumber } from "./message.ts";

const inputTopic = "v00.urp.input.RADAR";

export interface AnnouncerOptions {
  /** Number of the radar server. */
  readonly source: number;
  /** How long a confirmed announcement is kept, to be announced again; 0: not at all. */
  readonly keepMs: number;
  readonly nowMs: () => number;
  readonly nextNumber: () => number;
  /** The broker on this host accepts it. */
  readonly put: (message: Message, beside: number) => void;
  /** A host that holds the virtual IP. */
  readonly holder: () => number;
}

interface Kept {
  readonly product: number;
  /** Time of the first confirm; announcing it again doesn't change it. */
  readonly confirmedAtMs: number;
}

/** A radar server's announcer. Announces each product once, and after each new connection repeats recently confirmed announcements. */
export class Announcer {
  readonly source: number;
  /** Alive: it announces, and its products can be fetched. */
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

  /** Nothing is left to repeat. */
  get isIdle(): boolean {
    return !this.isAlive || (this.#again.length === 0 && !this.#wasLost);
  }

  /** It has a new connection. */
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

  /** Announcements that were confirmed within the time that they are kept will be repeated. */
  lose(): void {
    const { nowMs, keepMs } = this.#options;
    // Announcements don't expire while there is no connection, or while they are being repeated.
    const sinceMs = this.#wasLost || this.#again.length > 0 ? 0 : nowMs() - keepMs;
    this.#kept = this.#kept.filter(({ confirmedAtMs }) => confirmedAtMs >= sinceMs);
    this.beside = undefined;
    this.#again = [];
    this.#wasLost = keepMs > 0;
  }

  /** Repeats the next announcement. */
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
