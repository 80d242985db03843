import type { Effect, Event } from "../events.ts";
import type { Broker } from "./broker.ts";
import { Connection } from "./connection.ts";
import type { CoreUnderTest, MakeCore } from "./core-under-test.ts";
import { describeEffect, describeEvent } from "./describe.ts";
import { JournalModel } from "./journal-model.ts";
import type { Judge } from "./judge.ts";
import type { Line } from "./line.ts";
import { bitOf, type Kind, newMessage, queueNumber, readBody } from "./message.ts";
import { recordOf } from "./record.ts";

export interface HostOptions {
  readonly makeCore: MakeCore;
  readonly inputPrefetch: number;
  readonly ledgerPrefetch: number;
  /** The ledger is acked when what it told is on disk. Otherwise when it is read: a seeded bug. */
  readonly ledgerWaitsForDisk: boolean;
}

export interface Surroundings {
  readonly broker: Broker;
  readonly judge: Judge;
  readonly nowMs: () => number;
  readonly nextNumber: () => number;
  /** For the trace; undefined while none is written. */
  readonly note: ((text: string) => void) | undefined;
  /** A process ends just before this effect. */
  readonly onCrash: (host: Host, before: Effect["type"]) => void;
}

const ledgerTargets = bitOf(queueNumber.ledgerOf(0)) | bitOf(queueNumber.ledgerOf(1));
const outTargets = ledgerTargets | bitOf(queueNumber.pull);

/** One dispatcher host: the core, the journal, and a shell that does as the real one does. */
export class Host {
  readonly number: number;
  readonly name: string;
  readonly journal = new JournalModel();
  core: CoreUnderTest | undefined;
  connection: Connection;
  /** Believes that it holds the virtual IP. */
  believes = false;
  /** When it last did, while it does not. */
  believedUntilMs = Number.NEGATIVE_INFINITY;
  /** The broker has said that it takes no publishes; an answer is not late that was asked for before this time. */
  isBlocked = false;
  patientFromMs = Number.NEGATIVE_INFINITY;
  /** Connections lost. */
  losses = 0;
  /** The host's clock is so far ahead of the world's. */
  skewMs = 0;
  /** The process ends before that many further effects are done; 0: it doesn't. */
  crashIn = 0;
  lastEffect = "none";
  lastTickMs = 0;
  stopping = false;
  /** Names the process. */
  author = 0;
  readonly #options: HostOptions;
  readonly #around: Surroundings;
  #untold: Event[] = [];

  constructor(number: number, options: HostOptions, around: Surroundings) {
    this.number = number;
    this.name = number === 0 ? "A" : "B";
    this.#options = options;
    this.#around = around;
    this.connection = this.#makeConnection();
  }

  get input(): Line | undefined {
    return this.connection.input;
  }

  get ledger(): Line | undefined {
    return this.connection.ledger;
  }

  get deliveriesInHand(): number {
    return this.connection.inHand;
  }

  /** Nothing that happens by itself is left to do in this process. */
  get isQuiet(): boolean {
    return !this.connection.hasUnsynced && (this.core?.inFlight ?? 0) === 0 && this.journal.isSynced;
  }

  believe(believes: boolean): void {
    if (this.believes === believes) return;
    this.believes = believes;
    if (!believes) this.believedUntilMs = this.#around.nowMs();
    this.tell({ type: believes ? "held" : "gone" });
  }

  start(): void {
    this.author = this.#around.nextNumber();
    this.core = this.#options.makeCore(`p${this.author}`, this.journal, this.#nowMs());
    this.lastEffect = "none";
    this.stopping = false;
    this.isBlocked = false;
    this.connection = this.#makeConnection();
    this.connection.ledgerPaused = this.core.ledgerPaused;
    this.#around.note?.(`${this.name} starts as process ${this.author}, journal of ${this.journal.records.length}`);
    if (this.believes) this.tell({ type: "held" });
  }

  /** The process is gone; the disk has what was synced and perhaps more. The kernel closes the sockets: the broker reads so in time. */
  die(recordsLeft: number): void {
    if (!this.core) return;
    this.#around.note?.(`${this.name} dies after ${this.lastEffect}`);
    this.core = undefined;
    this.crashIn = 0;
    this.journal.lose(recordsLeft);
    this.connection.close(true);
    this.#untold = [];
  }

  connect(): void {
    if (this.core && this.connection.open()) this.#around.note?.(`${this.name} connects`);
  }

  /** The client finds its connection gone. */
  noticeLoss(outcomesFirst: boolean): void {
    if (!this.core || !this.connection.isOpen) return;
    this.#around.note?.(`${this.name} notices that its connection is gone`);
    this.connection.lose(false, outcomesFirst);
  }

  /** Reads one frame of what the broker has sent on one of the two lines. */
  readFrame(line: Line): boolean {
    if (!this.core || !this.connection.readFrame(line)) return false;
    if (!this.#options.ledgerWaitsForDisk) this.connection.ackLedger();
    return true;
  }

  /** The disk has all that was written: the ledger may forget it. */
  sync(): void {
    if (!this.core) return;
    this.journal.sync();
    this.connection.ackLedger();
  }

  /** While something is in doubt: does anything wait in the pull queue? */
  lookAtOutput(): boolean {
    const { broker } = this.#around;
    if (!this.core || this.core.doubts === 0 || !this.connection.isOpen || broker.stalled[queueNumber.pull])
      return false;
    if (broker.queues[queueNumber.pull]?.length === 0) this.tell({ type: "output-empty" });
    return true;
  }

  tick(): void {
    this.lastTickMs = this.#around.nowMs();
    this.tell({ type: "tick" });
  }

  /** One event after the other: what an effect leads to comes after the effects that are still to be done. */
  tell(event: Event): void {
    this.#untold.push(event);
    if (this.#untold.length > 1) return;
    for (let index = 0; index < this.#untold.length; index++) {
      const next = this.#untold[index];
      if (next && this.core) this.#handle(this.core, next);
    }
    this.#untold = [];
  }

  #handle(core: CoreUnderTest, event: Event): void {
    const { judge, note } = this.#around;
    // A look at the clock that leads to nothing is not worth a line.
    if (event.type !== "tick") note?.(`${this.name} <- ${describeEvent(event)}`);
    if (event.type === "deliveries-lost") {
      this.losses++;
      this.connection.forgetDeliveries();
    }
    if (event.type === "blocked" || event.type === "unblocked" || event.type === "deliveries-lost") {
      this.isBlocked = event.type === "blocked";
      this.patientFromMs = this.#around.nowMs();
    }
    for (const effect of core.handle(event, this.#nowMs())) {
      if (this.crashIn > 0 && --this.crashIn === 0) {
        this.#around.onCrash(this, effect.type);
        this.die(this.journal.records.length);
        return;
      }
      judge.onEffect(this, effect);
      this.lastEffect = effect.type;
      note?.(`   ${this.name} -> ${describeEffect(effect)}`);
      this.#do(effect);
    }
    judge.afterHandling(this, core, event, this.#around.nowMs());
  }

  #do(effect: Effect): void {
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
        this.connection.subscribe();
        break;
      case "cancel":
        this.connection.cancel();
        break;
      case "disconnect":
        if (this.connection.isOpen) this.connection.lose(true, true);
        break;
      case "ledger-pause":
        this.connection.pauseLedger();
        break;
      case "ledger-resume":
        this.connection.resumeLedger();
        break;
      default:
        this.#remember(effect);
    }
  }

  #remember(effect: Effect): void {
    if (effect.type === "remember") this.journal.append({ kind: "arrival", ...effect });
    if (effect.type === "remember-certain") this.journal.append({ kind: "certain", key: effect.key });
    if (effect.type === "remember-served") this.journal.append({ kind: "served", key: effect.key });
    if (effect.type !== "keep-twin") return;
    const ref = this.journal.keepTwin(effect.key, effect.delivery.body);
    this.tell({ type: "twin-kept", key: effect.key, ref });
  }

  #publish(effect: Extract<Effect, { type: "publish" | "marker" | "serve" | "serve-delivery" }>): void {
    const { claim } = effect;
    if (effect.type === "marker") {
      this.#send("marker", claim, undefined, { stampMs: 0, doubt: false, text: effect.token }, false);
      return;
    }
    const { firstAtMs } = effect;
    const stampMs = firstAtMs === undefined ? 0 : Math.ceil(firstAtMs / 1000) * 1000;
    if (effect.type === "publish") {
      const { body, redelivered } = effect.delivery;
      this.#send("notify", claim, body, { stampMs, doubt: effect.doubt, text: "" }, redelivered);
      return;
    }
    const body = effect.type === "serve" ? this.journal.twin(effect.ref) : effect.delivery.body;
    if (body) this.#send("twin", claim, body, { stampMs, doubt: false, text: effect.reason }, false);
    else this.tell({ type: "twin-missing", claim });
  }

  #send(
    kind: Kind,
    claim: number,
    body: Buffer | undefined,
    says: { readonly stampMs: number; readonly doubt: boolean; readonly text: string },
    redelivered: boolean,
  ): void {
    const { product, source } = body ? readBody(body) : { product: -1, source: 0 };
    const message = newMessage({
      ...says,
      number: this.#around.nextNumber(),
      kind,
      product,
      source,
      body,
      routingKey: "",
      decidedAtMs: this.#around.nowMs(),
      author: this.author,
      host: this.number,
      targets: kind === "marker" ? bitOf(queueNumber.ledgerOf(this.number)) : outTargets,
      claim,
    });
    if (this.connection.isOpen) this.#around.judge.decided(this, message, redelivered);
    this.connection.publish(message);
  }

  #settle(effect: Extract<Effect, { type: "ack" | "requeue" | "dead-letter" }>): void {
    const inHand = this.connection.take(effect.delivery);
    const { judge } = this.#around;
    if (!inHand) {
      judge.settledTwice(this, effect.delivery);
      return;
    }
    const { line, tag, message } = inHand;
    // The channel is gone, and the core is about to be told: nothing comes of it.
    if (!line.clientSees) return;
    if (effect.type === "requeue") {
      line.up.push({ op: "requeue", tag });
      return;
    }
    if (effect.type === "ack") judge.acked(this, message);
    else judge.deadLettered(this, message, effect.reason);
    line.up.push({ op: "ack", tag, multiple: false });
  }

  #makeConnection(): Connection {
    const { broker, judge } = this.#around;
    const { inputPrefetch, ledgerPrefetch } = this.#options;
    const prefetch = { input: inputPrefetch, ledger: ledgerPrefetch };
    return new Connection(this.name, broker, queueNumber.ledgerOf(this.number), prefetch, {
      outcome: (claim, outcome, message) => {
        if (outcome === "confirmed") judge.confirmed(message);
        if (outcome === "nacked") message.refusalHeard = this.losses;
        this.tell({ type: "outcome", claim, outcome });
      },
      delivery: (id, { kind, routingKey, body, text }, redelivered) => {
        const reason = kind === "request" ? { reason: text } : {};
        this.tell({ type: "delivery", delivery: { id, routingKey, body, redelivered, ...reason } });
      },
      ledger: (message) => {
        const record = recordOf(message, this.author);
        judge.toldByLedger(this, record);
        this.tell({ type: "ledger", record });
        if (!this.core || this.connection.ledgerPaused) return false;
        return true;
      },
      deliveriesLost: () => this.tell({ type: "deliveries-lost" }),
    });
  }

  #nowMs(): number {
    return this.#around.nowMs() + this.skewMs;
  }
}
