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
  /** The ledger is acked when its records are on disk. If false, when they are read: a seeded bug. */
  readonly ledgerWaitsForDisk: boolean;
}

export interface Surroundings extends ShellSurroundings {
  readonly broker: Broker;
  /** Writes to the trace; undefined without one. */
  readonly note: ((text: string) => void) | undefined;
  /** The address has left: clients connected to it are cut off. */
  readonly onAddressGone: (host: Host) => void;
  /** A process crashes just before this effect. */
  readonly onCrash: (host: Host, before: Effect["type"]) => void;
}

/** A dispatcher host: core, journal, connection, and the process's starts and crashes. */
export class Host {
  readonly number: number;
  readonly name: string;
  readonly journal = new JournalModel();
  core: CoreUnderTest | undefined;
  connection: Connection;
  /** The host believes that it holds the virtual IP. */
  believes = false;
  /** When it last believed so, while it doesn't. */
  believedUntilMs = Number.NEGATIVE_INFINITY;
  /** The broker has blocked publishers. Confirms are timed from `confirmsTimedFromMs` at the earliest. */
  isBlocked = false;
  confirmsTimedFromMs = Number.NEGATIVE_INFINITY;
  /** How often the process has dropped its claims: after a lost connection, or after requeuing its deliveries. */
  losses = 0;
  /** How far the host's clock is ahead of the world's. */
  skewMs = 0;
  /** The process crashes before this many more effects are done; 0: it doesn't. */
  crashIn = 0;
  lastEffect = "none";
  lastTickMs = 0;
  stopping = false;
  /** Number of the process. */
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

  /** The process has nothing left to do by itself. */
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

  /** The process dies. The disk keeps what was synced, perhaps more. The kernel closes the sockets, and the broker reads that later. */
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

  /** The client finds its connection closed. */
  noticeLoss(outcomesFirst: boolean): void {
    if (!this.core || !this.connection.isOpen) return;
    this.#around.note?.(`${this.name} finds its connection closed`);
    this.connection.lose(false, outcomesFirst);
  }

  /** Reads one frame from the broker on one of the two lines. */
  readFrame(line: Line): boolean {
    if (!this.core || !this.connection.readFrame(line)) return false;
    if (!this.#options.ledgerWaitsForDisk) this.connection.ackLedger();
    return true;
  }

  /** All writes are on disk, so the ledger is acked. */
  sync(): void {
    if (!this.core) return;
    this.journal.sync();
    this.#shell.twinsSynced();
    this.connection.ackLedger();
  }

  /** While products are unconfirmed: does anything wait in the pull queue? */
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

  /** Handles events one by one: an event that an effect causes waits for the remaining effects. */
  tell(event: Event): void {
    this.#events.submit(event);
  }

  #handle(core: CoreUnderTest, event: Event): void {
    const { judge, note } = this.#around;
    // No line for a tick without effects.
    if (event.type !== "tick") note?.(`${this.name} <- ${describeEvent(event)}`);
    if (event.type === "deliveries-lost") {
      this.losses++;
      this.connection.forgetDeliveries();
    }
    if (event.type === "blocked" || event.type === "unblocked" || event.type === "deliveries-lost") {
      this.isBlocked = event.type === "blocked";
      this.confirmsTimedFromMs = this.#around.nowMs();
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
        judge.readFromLedger(this, record);
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
