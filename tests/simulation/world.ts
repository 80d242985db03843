import type { Effect } from "../../agents/dispatcher/events.ts";
import { Announcer } from "./announcer.ts";
import { Broker } from "./broker.ts";
import type { Choices } from "./choices.ts";
import type { MakeCore } from "./core-under-test.ts";
import type { Counts } from "./counts.ts";
import type { FaultPoints } from "./fault-points.ts";
import { Host } from "./host.ts";
import { Judge } from "./judge.ts";
import type { Line } from "./line.ts";
import { bitOf, hostCount, type Message, type Mode, queueNumber, queuesASide, sources } from "./message.ts";
import { join, part } from "./parting.ts";
import { Puller } from "./puller.ts";

/** Times of the simulated dispatchers: shorter than the real ones and in the same order, so that few steps pass them. */
export const times = {
  windowMs: 60_000,
  doubtMs: 3000,
  doubtMaxMs: 20_000,
  giveUpMs: 1000,
  confirmTimeoutMs: 4000,
  deliveryGapMs: 1000,
  alternateWaitMs: 8000,
  standbyServeDelayMs: 1000,
  /** How long announcers keep confirmed announcements for a repeat. Partitions are shorter. */
  keepMs: 60_000,
  partedMaxMs: 20_000,
  /** Earliest time at which the broker regards a channel as dead: above `confirmTimeoutMs`, like its net_ticktime. */
  suspicionMs: 6000,
  /** Limit of the difference between two hosts' clocks. */
  skewMaxMs: 400,
} as const;

export const limits = { inputPrefetch: 6, ledgerPrefetch: 8, publishingMax: 3, doubtsMax: 4, alternatesWaitingMax: 2 };

/** Rules of the shell and the broker that the core relies on. Turning one off is a seeded bug. */
export interface Ground {
  readonly ledgerSingleActive: boolean;
  readonly ledgerWaitsForDisk: boolean;
  /** Announcers repeat announcements that a pair of brokers may have lost. */
  readonly announcesAgain: boolean;
}

export const firmGround: Ground = {
  ledgerSingleActive: true,
  ledgerWaitsForDisk: true,
  announcesAgain: true,
};

export interface Setting {
  readonly mode: Mode;
  readonly receipts: boolean;
  readonly entriesMax: number;
  readonly productCount: number;
  /** The brokers are a mirrored pair that may be partitioned. One side's messages are discarded then. */
  readonly partitions: boolean;
  /** One of the servers may die, and its products can't be fetched then. If false, fetches fail at random. */
  readonly serversDie: boolean;
}

export interface WorldParts {
  readonly setting: Setting;
  readonly ground: Ground;
  readonly makeCore: (setting: Setting) => MakeCore;
  readonly choices: Choices;
  readonly counts: Counts;
  readonly points: FaultPoints;
  /** Gets a line for each event. Undefined writes no trace, which is many times faster. */
  readonly trace: ((line: string) => void) | undefined;
}

/** Two radar servers, two dispatcher hosts, a broker, two pullers, a clock. */
export class World {
  readonly setting: Setting;
  readonly choices: Choices;
  readonly broker: Broker;
  readonly judge: Judge;
  readonly hosts: readonly Host[];
  readonly pullers: readonly Puller[];
  readonly announcers: readonly Announcer[];
  readonly counts: Counts;
  readonly points: FaultPoints;
  readonly note: ((text: string) => void) | undefined;
  nowMs = 1_700_000_000_000;
  /** Number of announced products, and of announcements that the broker accepted, repeats included. */
  announced = 0;
  announcements = 0;
  #nextNumber = 1;

  constructor(parts: WorldParts) {
    const { setting, ground, choices, counts, trace, points } = parts;
    this.setting = setting;
    this.choices = choices;
    this.points = points;
    this.counts = counts;
    const startMs = this.nowMs;
    this.note = trace
      ? (text) => trace(`${((this.nowMs - startMs) / 1000).toFixed(3).padStart(9)} ${text}`)
      : undefined;
    this.judge = new Judge(
      {
        mode: setting.mode,
        toleranceMs: 1000 + 2 * times.skewMaxMs,
        // A publish in flight counts twice between its ledger record and its confirm.
        entriesBound: setting.entriesMax + limits.publishingMax,
        ...times,
        doubtsMax: limits.doubtsMax,
        partitions: setting.partitions,
        isAlive: setting.serversDie ? (source) => this.announcers[source]?.isAlive === true : undefined,
      },
      counts,
    );
    const holder = (): number => this.#holder();
    const around = {
      choices,
      counts,
      judge: this.judge,
      nowMs: () => this.nowMs,
      nextNumber: () => this.#nextNumber++,
      note: this.note,
      holder,
      onAddressGone: (host: Host) => this.#addressGone(host),
      onCrash: (host: Host, before: Effect["type"]) => points.hit(`crash before ${before}`, host),
    };
    this.broker = new Broker({ mode: setting.mode, ...ground }, choices, {
      landed: (queue, message) => this.judge.landed(queue, message),
      gone: (message) => this.judge.gone(message),
      nowMs: () => this.nowMs,
    });
    const makeCore = parts.makeCore(setting);
    const options = { makeCore, ...limits, entriesMax: setting.entriesMax, ...ground };
    const withBroker = { ...around, broker: this.broker };
    const canFetch = setting.serversDie ? (source: number) => this.announcers[source]?.isAlive === true : undefined;
    this.hosts = Array.from({ length: hostCount }, (_, number) => new Host(number, options, withBroker));
    this.pullers = ["puller 1", "puller 2"].map((name) => new Puller(name, { ...withBroker, canFetch }));
    this.announcers = sources.map((_, source) => {
      const { nowMs, nextNumber } = around;
      const keepMs = setting.partitions && ground.announcesAgain ? times.keepMs : 0;
      return new Announcer({ ...{ source, keepMs, nowMs, nextNumber, holder }, put: (...args) => this.#put(...args) });
    });
  }

  host(number: number): Host {
    const host = this.hosts[number];
    if (!host) throw new Error(`no host ${number}`);
    return host;
  }

  announce(product: number, source: number): void {
    const announcer = this.announcers[source];
    if (!announcer?.isAlive) return;
    this.announced++;
    announcer.announce(product);
  }

  /** Starts a partition of the pair. Clients are on both sides, and each side's host soon holds the address. */
  part(losing: number): void {
    // Partitions are told apart by their times.
    this.advance(1);
    this.note?.(`the brokers are partitioned, ${this.host(losing).name}'s side will lose`);
    for (const announcer of this.announcers) if (this.choices.chance(40)) announcer.moveTo(losing);
    for (const puller of this.pullers) if (this.choices.chance(40)) puller.moveTo(losing);
    // The other side redelivers the puller's current product.
    const inHand = this.pullers.map(({ beside, holding }) => ({ beside, holding }));
    part(this.broker, losing, this.nowMs);
    for (const { beside, holding } of inHand) {
      const other = beside === losing ? queueNumber.pull : queueNumber.pull + queuesASide;
      if (!holding) continue;
      holding.message.landed |= bitOf(queueNumber.pull + queuesASide);
      this.broker.putBack(other, { ...holding });
    }
    for (const host of this.hosts) {
      this.points.hit(host.number === losing ? "partitioned, losing" : "partitioned, winning", host);
      if (this.choices.chance(80)) host.believe(true);
    }
  }

  /** Ends the partition: the losing broker restarts, its clients lose their connections, and its host loses the address. */
  join(): void {
    const { losing } = this.broker;
    if (losing === undefined) return;
    const host = this.host(losing);
    this.note?.(`the partition ends, ${host.name}'s broker is restarted`);
    this.points.hit("discarded", host);
    this.judge.joined(this.nowMs);
    join(this.broker, this.nowMs, (queue, message) => this.judge.discarded(queue, message));
    for (const announcer of this.announcers) if (announcer.beside === losing) announcer.lose();
    for (const puller of this.pullers) if (puller.beside === losing) puller.cutOff(this.choices.chance(30));
    host.noticeLoss(this.choices.chance(50));
    host.believe(false);
  }

  #put(message: Message, beside: number): void {
    this.note?.(`${sources[message.source]} announces product ${message.product}${message.again ? " again" : ""}`);
    if (message.again) this.counts.announcedAgain++;
    this.announcements++;
    this.judge.announced(message);
    this.broker.put(message, beside);
  }

  /** A host that believes that it holds the address. */
  #holder(): number {
    const holders = this.hosts.filter(({ believes }) => believes);
    return (holders[this.choices.below(holders.length)] ?? this.host(0)).number;
  }

  /** Clients of a host without the address reconnect. */
  followAddress(holder: number): void {
    for (const host of this.hosts) if (host.number !== holder) this.#addressGone(host);
  }

  #addressGone({ number }: Host): void {
    if (!this.setting.partitions) return;
    for (const announcer of this.announcers) if (announcer.beside === number) announcer.lose();
    for (const puller of this.pullers) if (puller.beside === number) puller.moveOn();
  }

  /** Advances time. Running processes get ticks. */
  advance(ms: number): void {
    if (this.broker.losing !== undefined && this.nowMs + ms - this.broker.partedAtMs > times.partedMaxMs) this.join();
    this.nowMs += ms;
    this.broker.expireLedgers(this.nowMs - times.windowMs);
  }

  /** Lines that a dispatcher or the broker regards as open. */
  lines(): readonly Line[] {
    return this.broker.lines;
  }

  /** Nothing is in flight, waiting or held anywhere. */
  get isDrained(): boolean {
    for (let queue = 0; queue < this.broker.queueCount; queue++) if (this.broker.queues[queue]?.length) return false;
    for (const line of this.broker.lines) {
      if (line.held.length > 0 || line.publishing.length > 0 || line.up.length > 0 || line.down.length > 0)
        return false;
    }
    const clients = [...this.pullers, ...this.announcers];
    return clients.every((client) => client.isIdle) && this.hosts.every((host) => host.isQuiet);
  }
}
