import type { PublishOutcome } from "../../agents/lib/publisher.ts";
import type { Broker } from "./broker.ts";
import type { Frame, Line } from "./line.ts";
import { type Message, queueNumber } from "./message.ts";

/** Callbacks of the connection to its process. */
export interface ConnectionHooks {
  outcome(claim: number, outcome: PublishOutcome, message: Message): void;
  delivery(id: number, message: Message, redelivered: boolean): void;
  /** A record of the ledger. Returns false if it was not accepted and must be delivered again. */
  ledger(message: Message): boolean;
  deliveriesLost(): void;
}

/** An unacknowledged delivery, and its line. */
export interface InHand {
  readonly line: Line;
  readonly tag: number;
  readonly message: Message;
}

/**
 * A dispatcher's connection as its shell sees it: a line that consumes the input queue and publishes, a line that consumes the ledger,
 * the unacknowledged deliveries, and the unsettled publishes.
 */
export class Connection {
  readonly #name: string;
  readonly #broker: Broker;
  readonly #host: number;
  readonly #prefetch: { readonly input: number; readonly ledger: number };
  readonly #hooks: ConnectionHooks;
  input: Line | undefined;
  ledger: Line | undefined;
  ledgerPaused = false;
  #subscribed = false;
  #consumer = 0;
  #nextDelivery = 1;
  readonly #inHand = new Map<number, InHand>();
  readonly #awaited = new Map<number, Message>();
  /** Ledger tags that aren't acked: their records may not be on disk. */
  #unsynced = 0;

  constructor(
    name: string,
    broker: Broker,
    host: number,
    prefetch: { readonly input: number; readonly ledger: number },
    hooks: ConnectionHooks,
  ) {
    this.#name = name;
    this.#broker = broker;
    this.#host = host;
    this.#prefetch = prefetch;
    this.#hooks = hooks;
  }

  get isOpen(): boolean {
    return this.input !== undefined;
  }

  get isSubscribed(): boolean {
    return this.#subscribed;
  }

  get inHand(): number {
    return this.#inHand.size;
  }

  /** When the oldest unsettled product was sent; Infinity if none is. */
  get oldestPublishMs(): number {
    for (const { kind, decidedAtMs } of this.#awaited.values()) if (kind === "notify") return decidedAtMs;
    return Number.POSITIVE_INFINITY;
  }

  get hasUnsynced(): boolean {
    return this.#unsynced > 0;
  }

  open(): boolean {
    if (this.input) return false;
    const input = this.#broker.open(`${this.#name} input`, queueNumber.input, this.#prefetch.input, this.#host);
    if (!input) return false;
    this.input = input;
    this.#openLedger();
    if (this.#subscribed) this.#consume(input);
    return true;
  }

  /** The client regards the connection as closed. `announced`: the broker reads the close after all else. */
  close(announced: boolean): void {
    for (const line of [this.input, this.ledger]) {
      if (!line) continue;
      line.clientSees = false;
      if (announced) line.up.push({ op: "close" });
    }
    this.input = undefined;
    this.ledger = undefined;
    this.#unsynced = 0;
  }

  /** Closes and notifies the process: all publishes are lost, and the broker redelivers all deliveries. */
  lose(announced: boolean, outcomesFirst: boolean): void {
    const lost = [...this.#awaited];
    this.#awaited.clear();
    this.close(announced);
    if (!outcomesFirst) this.#hooks.deliveriesLost();
    for (const [claim, message] of lost) this.#hooks.outcome(claim, "lost", message);
    if (outcomesFirst) this.#hooks.deliveriesLost();
  }

  forgetDeliveries(): void {
    this.#inHand.clear();
  }

  subscribe(): void {
    this.#subscribed = true;
    if (this.input) this.#consume(this.input);
  }

  /** Deliveries to an earlier consumer are requeued unseen. */
  cancel(): void {
    this.#subscribed = false;
    this.#consumer++;
    this.input?.up.push({ op: "cancel" });
  }

  publish(message: Message): void {
    if (!this.input) {
      this.#hooks.outcome(message.claim, "lost", message);
      return;
    }
    this.#awaited.set(message.claim, message);
    this.input.up.push({ op: "publish", message });
  }

  /** Removes an unacknowledged delivery; undefined if this connection doesn't hold it. */
  take(id: number): InHand | undefined {
    const inHand = this.#inHand.get(id);
    this.#inHand.delete(id);
    return inHand;
  }

  /** Reads one frame from the broker. */
  readFrame(line: Line): boolean {
    const frame = line.cut === "wire" ? undefined : line.down.shift();
    if (!frame) return false;
    if (frame.op === "outcome") this.#onOutcome(frame.claim, frame.outcome);
    else if (line === this.ledger) this.#onLedger(line, frame);
    else this.#onDelivery(line, frame);
    return true;
  }

  /** Acks all ledger records read so far. */
  ackLedger(): void {
    const { ledger } = this;
    if (!ledger || this.#unsynced === 0) return;
    ledger.up.push({ op: "ack", tag: this.#unsynced, multiple: true });
    this.#unsynced = 0;
  }

  pauseLedger(): void {
    this.ledgerPaused = true;
  }

  resumeLedger(): void {
    this.ledgerPaused = false;
    this.#renewLedger();
  }

  #onOutcome(claim: number, outcome: PublishOutcome): void {
    const message = this.#awaited.get(claim);
    if (!message) return;
    this.#awaited.delete(claim);
    this.#hooks.outcome(claim, outcome, message);
  }

  #onDelivery(line: Line, { tag, consumer, message, redelivered }: Extract<Frame, { op: "deliver" }>): void {
    if (!this.#subscribed || consumer !== this.#consumer) {
      line.up.push({ op: "requeue", tag });
      return;
    }
    const id = this.#nextDelivery++;
    this.#inHand.set(id, { line, tag, message });
    this.#hooks.delivery(id, message, redelivered);
  }

  #onLedger(line: Line, { tag, message }: Extract<Frame, { op: "deliver" }>): void {
    if (this.ledgerPaused) return;
    const taken = this.#hooks.ledger(message);
    if (line !== this.ledger) return;
    if (taken) this.#unsynced = tag;
    else this.#renewLedger();
  }

  /** Closes the ledger's line. A new one gets the records that were not acked. */
  #renewLedger(): void {
    this.#unsynced = 0;
    if (!this.ledger) return;
    this.ledger.clientSees = false;
    this.ledger.up.push({ op: "close" });
    this.#openLedger();
  }

  #openLedger(): void {
    const queue = queueNumber.ledgerOf(this.#host);
    this.ledger = this.#broker.open(`${this.#name} ledger`, queue, this.#prefetch.ledger, this.#host);
    if (!this.ledgerPaused) this.ledger?.up.push({ op: "consume", consumer: 1 });
  }

  #consume(input: Line): void {
    input.up.push({ op: "consume", consumer: ++this.#consumer });
  }
}
