import { join } from "node:path";
import { orAborted } from "../lib/aborted.ts";
import { type AddressWatch, watchAddress } from "../lib/address-watch.ts";
import type { AgentContext, RunningAgent } from "../lib/agent-main.ts";
import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import type { AgentHealth } from "../lib/health.ts";
import { Clock } from "./clock.ts";
import { ClockDifference } from "./clock-difference.ts";
import { type Config, coreOptionsOf, hostNameOf, ledgerQueueOf } from "./config.ts";
import { DispatcherCore } from "./core.ts";
import { DedupTable } from "./dedup-table.ts";
import { Effects } from "./effects.ts";
import type { Effect, Event } from "./events.ts";
import { Input } from "./input.ts";
import { Journal } from "./journal.ts";
import { tableReplay } from "./journal-replay.ts";
import { Ledger } from "./ledger.ts";
import { LedgerGap } from "./ledger-gap.ts";
import { LedgerReader } from "./ledger-record.ts";
import { QueueWatches } from "./queue-watches.ts";
import { SerialHandler } from "./serial-handler.ts";
import { logSilence, Sources } from "./sources.ts";
import { StateLog } from "./state-log.ts";
import { type DispatcherView, statusOf } from "./status.ts";
import { Telemetry } from "./telemetry.ts";
import { ledgerTopicsOf, topologyOf } from "./topology.ts";
import { Warnings } from "./warnings.ts";

const clock = new Clock();
const now = clock.nowMs;
const tickMs = 50;
const silenceCheckMs = 1000;

export const journalFolder = (stateDirectory: string): string => join(stateDirectory, "journal");

/** Reads the journal before it starts, so that everything published before this process is known before the first decision. */
export async function startDispatcher(context: AgentContext<Config>): Promise<Dispatcher> {
  const { config, log, stateDirectory } = context;
  const windowMs = config.dedupWindowSeconds * 1000;
  const table = new DedupTable({ windowMs, entriesMax: config.entriesMax });
  const startedAtMs = performance.now();
  const journal = await Journal.open({
    directory: journalFolder(stateDirectory),
    windowMs,
    nowMs: now,
    replay: tableReplay(table, now()),
    log,
  });
  const tookMs = Math.round(performance.now() - startedAtMs);
  log.info({ entries: table.size, tookMs }, "journal read: these products are known to be published");
  return new Dispatcher(context, table, journal);
}

/** The dispatcher's shell: passes events to its core and carries out the effects, in order. */
export class Dispatcher implements RunningAgent {
  readonly #context: AgentContext<Config>;
  readonly #core: DispatcherCore;
  readonly #journal: Journal;
  readonly #session: BrokerSession;
  readonly #input: Input;
  readonly #ledger: Ledger;
  readonly #effects: Effects;
  readonly #queueWatches: QueueWatches;
  readonly #sources: Sources;
  readonly #telemetry: Telemetry;
  readonly #stateLog: StateLog;
  readonly #clockDifference: ClockDifference;
  readonly #timers: NodeJS.Timeout[];
  readonly #watch: AddressWatch | undefined;
  readonly #events = new SerialHandler<Event>(
    (event) => this.#handle(event),
    (error) => this.#failed(error),
  );
  /** The effect being carried out. */
  #effect: Effect | undefined;
  #idle: (() => void) | undefined;

  constructor(context: AgentContext<Config>, table: DedupTable, journal: Journal) {
    const { config, log, metrics } = context;
    this.#context = context;
    this.#journal = journal;
    const topology = topologyOf(config);
    const name = `dispatcher@${hostNameOf(config)}`;
    this.#session = openBrokerSession({ config: config.broker, log, name, topology });
    this.#core = new DispatcherCore(coreOptionsOf(config), { table, instance: this.#session.publisherId });
    this.#sources = new Sources(config.silenceSeconds * 1000);
    this.#telemetry = new Telemetry(metrics, this.#sources, () => this.#view(), now);
    this.#stateLog = new StateLog(log, this.#core.state, now(), (tookMs) => this.#telemetry.takenOver(tookMs));
    this.#clockDifference = new ClockDifference({ windowMs: table.windowMs, log });
    this.#input = this.#openInput();
    this.#ledger = this.#openLedger(table.windowMs);
    this.#effects = this.#openEffects();
    this.#queueWatches = new QueueWatches({
      ...{ session: this.#session, config, log, core: this.#core, telemetry: this.#telemetry, nowMs: now },
      unacked: () => ({ input: this.#input.size, ledger: this.#ledger.unacked }),
      onOutputSeen: (isEmpty) => this.#events.submit({ type: "output-seen", isEmpty }),
    });
    this.#timers = [
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => this.#listenToSources(), silenceCheckMs),
    ];
    this.#watch = config.vip ? watchAddress(config.vip.address, log) : undefined;
    this.#listen();
  }

  status(): AgentHealth {
    return statusOf(this.#view());
  }

  /** Settles deliveries and publishes in flight, writes to disk, closes. */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#watch?.stop();
    this.#queueWatches.stop();
    this.#events.submit({ type: "stop" });
    await orAborted(this.#events.hasFailed ? this.#effects.settled() : this.#drained(), deadline);
    for (const timer of this.#timers) clearInterval(timer);
    this.#ledger.pause();
    await this.#session.close();
    await this.#journal.close(clock.steppedMs);
  }

  async #drained(): Promise<void> {
    while (!this.#core.isIdle) await new Promise<void>((resolve) => (this.#idle = resolve));
    await this.#input.cancelled();
    await this.#effects.settled();
    // Not with a disk that accepts nothing: the ledger delivers the same records again.
    if (this.#journal.fault === undefined) await this.#ledger.end();
  }

  #openInput(): Input {
    const { inputQueue: queue, prefetch } = this.#context.config;
    return new Input({
      ...{ session: this.#session, queue, prefetch },
      onDelivery: (delivery) => {
        this.#telemetry.received();
        this.#queueWatches.fed("input");
        this.#stateLog.delivered(now());
        this.#events.submit({ type: "delivery", delivery });
      },
      onLost: () => this.#events.submit({ type: "deliveries-lost" }),
    });
  }

  #openLedger(windowMs: number): Ledger {
    const { config, log, stateDirectory } = this.#context;
    const gap = new LedgerGap({
      ...{ file: join(stateDirectory, "ledger-read-since"), windowMs, log, nowMs: now },
      onGap: (atMs) => this.#events.submit({ type: "ledger-gap", atMs }),
    });
    return new Ledger({
      ...{ session: this.#session, queue: ledgerQueueOf(config), gap, windowMs },
      sendMarker: (token) => this.#effects.sendMarker(token),
      reader: new LedgerReader(ledgerTopicsOf(config), this.#session.publisherId, this.#clockDifference),
      nowMs: now,
      synced: () => this.#journal.synced(),
      onRecord: (record) => {
        this.#telemetry.ledgerRecord();
        this.#queueWatches.fed("ledger");
        if (record.kind === "published" && !record.ours) this.#sources.seen(record.source, record.atMs);
        this.#events.submit({ type: "ledger", record });
      },
      onUnreadable: (routingKey) => {
        this.#telemetry.ledgerUnreadable();
        log.debug({ routingKey }, "unreadable message in the ledger: ignored");
      },
    });
  }

  #openEffects(): Effects {
    const { config, log } = this.#context;
    const { exchange, inputQueue, alternateTopic } = config;
    return new Effects({
      ...{ session: this.#session, input: this.#input, ledger: this.#ledger, journal: this.#journal },
      ...{ telemetry: this.#telemetry, warnings: new Warnings(log), log },
      ...{ exchange, inputQueue, alternateTopic, markerTopic: ledgerTopicsOf(config).marker },
      submit: (event) => this.#events.submit(event),
      fail: (error) => this.#fail(error),
    });
  }

  #listen(): void {
    this.#session.once("ready", () => this.#context.lifeCycle.ready());
    this.#session.on("blocked", () => this.#events.submit({ type: "blocked" }));
    this.#session.on("unblocked", () => this.#events.submit({ type: "unblocked" }));
    // An alarm ends with its connection; the broker reports it again on the next one.
    this.#session.on("lost", () => this.#events.submit({ type: "unblocked" }));
    if (!this.#core.ledgerPaused) this.#ledger.resume();
    this.#watch?.on("held", () => this.#held());
    this.#watch?.on("gone", () => {
      this.#stateLog.gone();
      this.#events.submit({ type: "gone" });
    });
    if (this.#watch?.held ?? true) this.#held();
  }

  #held(): void {
    this.#stateLog.held(now());
    this.#sources.restartSilence(now());
    this.#events.submit({ type: "held" });
  }

  #tick(): void {
    this.#events.submit({ type: "tick" });
    this.#ledger.tick();
    const fault = this.#journal.restartReason ?? clock.restartReason;
    if (fault) this.#context.lifeCycle.fail(fault);
  }

  /**
   * An internal error ends the process: nothing is acked that is not published, and unacked deliveries come again. If the same delivery fails a
   * second time, it is dead-lettered. Otherwise it would end the next process too, and nothing behind it would ever be dispatched.
   */
  #failed(error: Error): void {
    const own = this.#effect && "delivery" in this.#effect ? this.#effect.delivery : undefined;
    const suspect = typeof own === "object" ? own : this.#core.deciding;
    if (suspect?.redelivered) this.#effects.deadLetter(suspect.id, `the dispatcher failed on it: ${error.message}`);
    this.#fail(error);
  }

  #fail(error: Error): void {
    // What is not handled must not be acked.
    this.#ledger.pause();
    this.#context.lifeCycle.fail(error);
  }

  #handle(event: Event): void {
    const nowMs = now();
    for (const effect of this.#core.handle(event, nowMs)) {
      this.#effect = effect;
      this.#telemetry.count(effect, nowMs);
      if (effect.type === "publish" || effect.type === "twin") this.#stateLog.decided(nowMs);
      this.#effects.do(effect, nowMs);
    }
    this.#effect = undefined;
    this.#stateLog.update(this.#core.state, nowMs);
    if (this.#idle && this.#core.isIdle) this.#idle();
  }

  /** A host that does not dispatch hears no announcements, so it can't say that a source is silent. */
  #listenToSources(): void {
    if (this.#core.state === "active") logSilence(this.#sources, this.#context.log, now());
  }

  #view(): DispatcherView {
    const core = this.#core;
    return {
      ...{ state: core.state, inFlight: core.inFlight, entries: core.entries, retrying: core.retrying },
      ...{ keptAside: core.keptAside, doubts: core.unconfirmed, alternatesWaiting: core.alternatesWaiting },
      ...{ ledgerUnacked: this.#ledger.unacked, ledgerPaused: this.#ledger.isPaused },
      ...{ journalFault: this.#journal.fault, journalBytes: this.#journal.bytesOnDisk },
      ...{ clockSteppedMs: clock.steppedMs, clockAheadMs: this.#clockDifference.aheadMs(now()) },
      broker: this.#session.state,
      connection: this.#session.description,
      // A standby hears only what it reads of others' publishes.
      silentSources: core.state === "active" ? this.#sources.silent : [],
      starvedOf: this.#queueWatches.starvedOf,
      stateForMs: this.#stateLog.forMs(now()),
      address: this.#context.config.vip?.address,
    };
  }
}
