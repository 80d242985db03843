import type { Broker } from "./broker.ts";
import type { Choices } from "./choices.ts";
import type { Counts } from "./counts.ts";
import type { Entry, Line } from "./line.ts";
import { bitOf, type Message, newMessage, queueNumber } from "./message.ts";

const ledgers = bitOf(queueNumber.ledgerOf(0)) | bitOf(queueNumber.ledgerOf(1));
const alternateTopic = "v00.urp.alternate.RADAR";

export interface PullerSurroundings {
  readonly broker: Broker;
  readonly choices: Choices;
  readonly counts: Counts;
  readonly nowMs: () => number;
  readonly nextNumber: () => number;
  readonly note: ((text: string) => void) | undefined;
  /** A host that holds the virtual IP: pullers connect to its broker. */
  readonly holder: () => number;
  /** Whether that source's products can be fetched; undefined if that is random. */
  readonly canFetch: ((source: number) => boolean) | undefined;
  readonly judge: { requested(request: Message): void; twinDeadLettered(message: Message): void };
}

/** Takes products one by one from the pull queue. Places each and publishes a receipt, or requests the twin after a failed fetch. */
export class Puller {
  readonly name: string;
  /** Channel for receipts and requests. */
  notices: Line | undefined;
  #holding: Entry | undefined;
  /** Host whose broker it is connected to. */
  beside = 0;
  /** Request that waits for its confirm. */
  #asking: Message | undefined;
  /** Receipts that no broker has accepted. */
  #receipts: Message[] = [];
  readonly #around: PullerSurroundings;

  constructor(name: string, around: PullerSurroundings) {
    this.name = name;
    this.#around = around;
  }

  get isIdle(): boolean {
    return this.#holding === undefined && this.#receipts.length === 0;
  }

  /** Its current product, which the other side of a partitioned pair redelivers. */
  get holding(): Entry | undefined {
    return this.#holding;
  }

  /** Its broker restarts, or the address has left. `places`: it still places its current product. */
  cutOff(places: boolean): void {
    const { broker } = this.#around;
    const holding = this.#holding;
    if (this.notices?.brokerSees) broker.end(this.notices, 0);
    this.notices = undefined;
    this.#asking = undefined;
    this.#holding = undefined;
    if (holding && places) this.#place(holding.message);
  }

  moveTo(beside: number): void {
    this.moveOn();
    this.#connect(beside);
  }

  /** As `cutOff`, by a broker that continues and redelivers the current product. */
  moveOn(): void {
    const { broker } = this.#around;
    if (this.#holding) broker.putBack(broker.queueFor(this.beside, queueNumber.pull), this.#holding);
    this.cutOff(false);
  }

  /** One step of its work. `canFail`: a fetch may fail, and the puller may crash. */
  work(canFail: boolean): boolean {
    const { broker, choices, canFetch, judge } = this.#around;
    if (!this.notices?.brokerSees) this.#connect(this.#around.holder());
    if (this.#receipts.length > 0 && this.notices) {
      for (const receipt of this.#receipts.splice(0)) broker.publish(this.notices, receipt);
      return true;
    }
    const pull = broker.queueFor(this.beside, queueNumber.pull);
    if (!this.#holding) {
      this.#holding = broker.take(pull);
      return this.#holding !== undefined;
    }
    if (this.#asking !== undefined) return this.#hear(this.#asking);
    const { message } = this.#holding;
    const fate = canFail ? choices.below(100) : 0;
    if (fate >= 70 && fate < 78) {
      broker.putBack(pull, this.#holding);
      this.#holding = undefined;
    } else if (canFetch ? canFetch(message.source) : fate < 70) this.#place(message);
    else if (message.kind === "notify") this.#ask(message);
    else {
      // A twin that can't be fetched either is dead-lettered with both reasons.
      this.#holding = undefined;
      judge.twinDeadLettered(message);
    }
    return true;
  }

  #connect(beside: number): void {
    const { broker } = this.#around;
    // After a move to another broker, the delivery has died with its channel.
    if (this.#holding && broker.queueFor(beside, 0) !== broker.queueFor(this.beside, 0)) this.moveOn();
    this.beside = beside;
    this.#asking = undefined;
    this.notices = broker.open(this.name, queueNumber.pull, 0, beside);
  }

  #place(message: Message): void {
    const { broker, counts, note } = this.#around;
    note?.(`${this.name} has placed product ${message.product}`);
    this.#holding = undefined;
    message.placed = true;
    counts.receipts++;
    const receipt = this.#message("receipt", message, ledgers, 0, "v00.urp.pulled");
    if (this.notices) broker.publish(this.notices, receipt);
    else this.#receipts.push(receipt);
  }

  #ask(message: Message): void {
    const { broker, counts, note } = this.#around;
    if (!this.notices) return;
    note?.(`${this.name} can't fetch product ${message.product}, requests the twin`);
    counts.requests++;
    const request = this.#message("request", message, ledgers | bitOf(queueNumber.input), 1, alternateTopic);
    this.#asking = request;
    broker.publish(this.notices, request);
  }

  /** Whether the request is confirmed. Only then is the announcement acked. */
  #hear(request: Message): boolean {
    const frame = this.notices?.down.shift();
    if (frame?.op !== "outcome") return false;
    this.#asking = undefined;
    if (frame.outcome !== "confirmed") return true;
    this.#holding = undefined;
    this.#around.judge.requested(request);
    return true;
  }

  #message(kind: "receipt" | "request", about: Message, targets: number, claim: number, routingKey: string): Message {
    return newMessage({
      number: this.#around.nextNumber(),
      kind,
      product: about.product,
      source: about.source,
      body: about.body,
      routingKey,
      stampMs: about.stampMs,
      decidedAtMs: this.#around.nowMs(),
      author: 0,
      host: -1,
      doubt: false,
      text: "no answer",
      targets,
      claim,
    });
  }
}
