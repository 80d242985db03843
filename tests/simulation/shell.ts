import type { Effect, Event } from "../../agents/dispatcher/events.ts";
import type { Connection, InHand } from "./connection.ts";
import type { JournalModel } from "./journal-model.ts";
import type { Judge } from "./judge.ts";
import type { Judged } from "./judged.ts";
import { bitOf, type Kind, newMessage, queueNumber, readBody } from "./message.ts";

/** The process that the shell works for. */
export interface Process extends Judged {
  readonly number: number;
  readonly journal: JournalModel;
  readonly connection: Connection;
  tell(event: Event): void;
}

export interface ShellSurroundings {
  readonly judge: Judge;
  readonly nowMs: () => number;
  readonly nextNumber: () => number;
}

interface Says {
  readonly routingKey: string;
  readonly stampMs: number;
  readonly doubt: boolean;
  readonly text: string;
  readonly lastRound?: boolean;
}

type Of<T extends Effect["type"]> = Extract<Effect, { type: T }>;

const ledgerTargets = bitOf(queueNumber.ledgerOf(0)) | bitOf(queueNumber.ledgerOf(1));
const outTargets = ledgerTargets | bitOf(queueNumber.pull);

/** Carries out the core's effects, as the real shell does. */
export class Shell {
  readonly #process: Process;
  readonly #around: ShellSurroundings;
  /** Deliveries whose twins are in the journal: acked when those are on disk. */
  #unsyncedTwins: InHand[] = [];

  constructor(process: Process, around: ShellSurroundings) {
    this.#process = process;
    this.#around = around;
  }

  do(effect: Effect): void {
    const { connection } = this.#process;
    switch (effect.type) {
      case "publish":
      case "marker":
      case "serve":
      case "serve-delivery":
        this.#publish(effect);
        break;
      case "ack":
      case "requeue":
      case "dead-letter":
        this.#settle(effect);
        break;
      case "subscribe":
        connection.subscribe();
        break;
      case "cancel":
        connection.cancel();
        break;
      case "disconnect":
        if (connection.isOpen) connection.lose(true, true);
        break;
      case "ledger-pause":
        connection.pauseLedger();
        break;
      case "ledger-resume":
        connection.resumeLedger();
        break;
      default:
        this.#remember(effect);
    }
  }

  /** The kept twins are on disk. */
  twinsSynced(): void {
    for (const twin of this.#unsyncedTwins) this.#ack(twin);
    this.#unsyncedTwins = [];
  }

  /** The process has died. */
  forget(): void {
    this.#unsyncedTwins = [];
  }

  #remember(effect: Effect): void {
    const { journal } = this.#process;
    if (effect.type === "remember") journal.append({ kind: "arrival", ...effect });
    if (effect.type === "remember-certain") journal.append({ kind: "certain", key: effect.key });
    if (effect.type === "remember-served") journal.append({ kind: "served", key: effect.key });
    if (effect.type !== "keep-twin") return;
    const ref = journal.keepTwin(effect.key, effect.delivery.body);
    const inHand = this.#take(effect.delivery.id);
    if (inHand) this.#unsyncedTwins.push(inHand);
    this.#process.tell({ type: "twin-kept", key: effect.key, ref });
  }

  #publish(effect: Of<"publish" | "marker" | "serve" | "serve-delivery">): void {
    if (effect.type === "marker") {
      this.#send("marker", effect.claim, { routingKey: "", stampMs: 0, doubt: false, text: effect.token });
      return;
    }
    const { claim, firstAtMs, routingKey } = effect;
    const stampMs = firstAtMs === undefined ? 0 : Math.ceil(firstAtMs / 1000) * 1000;
    if (effect.type === "publish") {
      const { body, redelivered } = effect.delivery;
      this.#send("notify", claim, { routingKey, stampMs, doubt: effect.doubt, text: "" }, body, redelivered);
      return;
    }
    const body = effect.type === "serve" ? this.#process.journal.twin(effect.ref) : effect.delivery.body;
    const lastRound = effect.type === "serve-delivery" && effect.delivery.marks.reason !== undefined;
    const says = { routingKey, stampMs, doubt: false, text: effect.reason, lastRound };
    if (body) this.#send("twin", claim, says, body);
    else this.#process.tell({ type: "twin-missing", claim });
  }

  #send(kind: Kind, claim: number, says: Says, body?: Buffer, redelivered = false): void {
    const { product, source } = body ? readBody(body) : { product: -1, source: 0 };
    const { author, number, connection } = this.#process;
    const message = newMessage({
      ...says,
      number: this.#around.nextNumber(),
      kind,
      product,
      source,
      body,
      decidedAtMs: this.#around.nowMs(),
      author,
      host: number,
      targets: kind === "marker" ? bitOf(queueNumber.ledgerOf(number)) : outTargets,
      claim,
    });
    if (connection.isOpen) this.#around.judge.decided(this.#process, message, redelivered);
    connection.publish(message);
  }

  #settle(effect: Of<"ack" | "requeue" | "dead-letter">): void {
    const inHand = this.#take(effect.delivery);
    if (!inHand) return;
    const { line, tag, message } = inHand;
    if (effect.type === "ack") {
      this.#ack(inHand);
      return;
    }
    // The channel is closed, and the core will be notified: ignored.
    if (!line.clientSees) return;
    if (effect.type === "requeue") {
      line.up.push({ op: "requeue", tag });
      return;
    }
    this.#around.judge.deadLettered(this.#process, message, effect.reason);
    line.up.push({ op: "ack", tag, multiple: false });
  }

  /** The delivery to be settled. */
  #take(id: number): InHand | undefined {
    const inHand = this.#process.connection.take(id);
    if (!inHand) this.#around.judge.settledTwice(this.#process, id);
    return inHand;
  }

  #ack({ line, tag, message }: InHand): void {
    if (!line.clientSees) return;
    this.#around.judge.acked(this.#process, message);
    line.up.push({ op: "ack", tag, multiple: false });
  }
}
