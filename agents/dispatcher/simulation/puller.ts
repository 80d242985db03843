import type { Broker } from "./broker.ts";
import type { Choices } from "./choices.ts";
import type { Counts } from "./counts.ts";
import type { Line } from "./line.ts";
import { bitOf, keyOf, type Message, newMessage, queueNumber } from "./message.ts";

const ledgers = bitOf(queueNumber.ledgerOf(0)) | bitOf(queueNumber.ledgerOf(1));
const inputTopic = "v00.urp.input.RADAR";
const alternateTopic = "v00.urp.alternate.RADAR";

export interface PullerSurroundings {
  readonly broker: Broker;
  readonly choices: Choices;
  readonly counts: Counts;
  readonly nowMs: () => number;
  readonly nextNumber: () => number;
  readonly note: ((text: string) => void) | undefined;
}

/** Takes products one by one from the pull queue: places them and gives a receipt, or can't fetch them and asks for the twin. */
export class Puller {
  readonly name: string;
  /** The channel of its receipts and requests. */
  notices: Line | undefined;
  #holding: ReturnType<Broker["take"]>;
  /** The request whose confirm it waits for. */
  #asking: number | undefined;
  readonly #around: PullerSurroundings;

  constructor(name: string, around: PullerSurroundings) {
    this.name = name;
    this.#around = around;
  }

  get isIdle(): boolean {
    return this.#holding === undefined;
  }

  /** One step of its work. `canFail`: a product may turn out not to be fetchable, the puller may die over it. */
  work(canFail: boolean): boolean {
    const { broker, choices } = this.#around;
    if (!this.notices?.brokerSees) {
      this.#asking = undefined;
      this.notices = broker.open(this.name, queueNumber.pull, 0);
    }
    if (!this.#holding) {
      this.#holding = broker.take(queueNumber.pull);
      return this.#holding !== undefined;
    }
    if (this.#asking !== undefined) return this.#hear();
    const { message } = this.#holding;
    const fate = canFail ? choices.below(100) : 0;
    if (fate < 70) this.#place(message);
    else if (fate < 78) {
      broker.putBack(queueNumber.pull, this.#holding);
      this.#holding = undefined;
    } else if (message.kind === "notify") this.#ask(message);
    // A twin that can't be fetched either is put aside with both reasons: the end of it.
    else this.#holding = undefined;
    return true;
  }

  #place(message: Message): void {
    const { broker, counts, note } = this.#around;
    note?.(`${this.name} has placed product ${message.product}`);
    this.#holding = undefined;
    counts.receipts++;
    if (!this.notices) return;
    const receipt = this.#message("receipt", message, ledgers, 0, "v00.urp.pulled");
    broker.publish(this.notices, receipt);
  }

  #ask(message: Message): void {
    const { broker, counts, note } = this.#around;
    if (!this.notices) return;
    note?.(`${this.name} can't fetch product ${message.product}, asks for the twin`);
    counts.requests++;
    const request = this.#message("request", message, ledgers | bitOf(queueNumber.input), 1, alternateTopic);
    this.#asking = request.number;
    broker.publish(this.notices, request);
  }

  /** Whether the request is out: only then is the announcement done with. */
  #hear(): boolean {
    const frame = this.notices?.down.shift();
    if (frame?.op !== "outcome") return false;
    this.#asking = undefined;
    if (frame.outcome === "confirmed") this.#holding = undefined;
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

/** An announcement as a radar server sends it. */
export function announcementOf(product: number, source: number, body: Buffer, number: number, nowMs: number): Message {
  return newMessage({
    number,
    kind: "announcement",
    product,
    source,
    body,
    routingKey: inputTopic,
    stampMs: nowMs,
    decidedAtMs: nowMs,
    author: 0,
    host: -1,
    doubt: false,
    text: keyOf(product),
    targets: bitOf(queueNumber.input),
    claim: 0,
  });
}
