import type { Effect, Event } from "../../agents/dispatcher/events.ts";
import { SerialHandler } from "../../agents/dispatcher/serial-handler.ts";
import type { Marks } from "../../agents/lib/headers.ts";
import type { Broker } from "./broker.ts";
import { Connection } from "./connection.ts";
import type { CoreUnderTest, MakeCore } from "./core-under-test.ts";
import { describeEffect, describeEvent } from "./describe.ts";
import { JournalModel } from "./journal-model.ts";
import type { Line } from "./line.ts";
import { queueNumber } from "./message.ts";
import { recordOf } from "./record.ts";
import { Shell, type ShellSurroundings } from "./shell.ts";

export interface HostOptions {
  readonly makeCore: MakeCore;
  readonly inputPrefetch: number;
  readonly ledgerPrefetch: number;
  /** The ledger is acked when what it told is on disk. Otherwise when it is read: a seeded bug. */
  readonly ledgerWaitsForDisk: boolean;
}

export interface Surroundings extends ShellSurroundings {
  readonly broker: Broker;
  /** For the trace; undefined while none is written. */
  readonly note: ((text: string) => void) | undefined;
  /** The address has left: whoever was connected by it is cut off. */
  readonly onAddressGone: (host: Host) => void;
  /** A process ends just before this effect. */
  readonly onCrash: (host: Host, before: Effect["type"]) => void;
}

/** One dispatcher host: the core, the journal, the connection, and when the process begins and ends. */
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
  /** Times that the process forgot what it had claimed: its connection was lost, or it gave up what it had in hand. */
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
  readonly #shell: Shell;
  readonly #events = new SerialHandler<Event>(
    (event) => {
      if (this.core) this.#handle(this.core, event);
    },
    (violation) => {
      throw violation;
    },
  );

  constructor(number: number, options: HostOptions, around: Surroundings) {
    this.number = number;
    this.name = number === 0 ? "A" : "B";
    this.#options = options;
    this.#around = around;
    this.connection = this.#makeConnection();
    this.#shell = new Shell(this, around);
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
    if (!believes) this.#around.onAddressGone(this);
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
    this.#shell.forget();
    this.connection.close(true);
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
    this.#shell.twinsSynced();
    this.connection.ackLedger();
  }

  /** While something is in doubt: does anything wait in the pull queue? */
  lookAtOutput(): boolean {
    const { broker } = this.#around;
    const pull = broker.queueFor(this.number, queueNumber.pull);
    if (!this.core || this.core.unconfirmed === 0 || !this.connection.isOpen || broker.stalled[pull]) return false;
    this.tell({ type: "output-seen", isEmpty: broker.queues[pull]?.length === 0 });
    return true;
  }

  tick(): void {
    this.lastTickMs = this.#around.nowMs();
    this.tell({ type: "tick" });
  }

  /** One event after the other: what an effect leads to comes after the effects that are still to be done. */
  tell(event: Event): void {
    this.#events.submit(event);
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
      if (effect.type === "cancel") this.losses++;
      note?.(`   ${this.name} -> ${describeEffect(effect)}`);
      this.#shell.do(effect);
    }
    judge.afterHandling(this, core, event, this.#around.nowMs());
  }

  #makeConnection(): Connection {
    const { broker, judge } = this.#around;
    const { inputPrefetch, ledgerPrefetch } = this.#options;
    const prefetch = { input: inputPrefetch, ledger: ledgerPrefetch };
    return new Connection(this.name, broker, this.number, prefetch, {
      outcome: (claim, outcome, message) => {
        if (outcome === "confirmed") judge.confirmed(message);
        if (outcome === "nacked") message.refusalHeard = this.losses;
        this.tell({ type: "outcome", claim, outcome });
      },
      delivery: (id, { kind, routingKey, body, text, again }, redelivered) => {
        const marks: Marks = kind === "request" ? { reason: text } : again ? { again } : {};
        this.tell({ type: "delivery", delivery: { id, routingKey, body, headers: {}, marks, redelivered } });
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
