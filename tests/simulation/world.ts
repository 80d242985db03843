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

/** Times of the simulated dispatchers: shorter than real ones, in the same order, so that a schedule needs few steps to pass them. */
export const times = {
  windowMs: 60_000,
  doubtMs: 3000,
  doubtMaxMs: 20_000,
  giveUpMs: 1000,
  confirmTimeoutMs: 4000,
  deliveryGapMs: 1000,
  alternateWaitMs: 8000,
  standbyServeDelayMs: 1000,
  /** Announcers keep what was confirmed for so long, to announce it again; a pair of brokers is parted for less. */
  keepMs: 60_000,
  partedMaxMs: 20_000,
  /** The broker gives a channel up for dead no sooner: longer than `confirmTimeoutMs`, as its net_ticktime is. */
  suspicionMs: 6000,
  /** Two hosts' clocks differ by less. */
  skewMaxMs: 400,
} as const;

export const limits = { inputPrefetch: 6, ledgerPrefetch: 8, publishingMax: 3, doubtsMax: 4, alternatesWaitingMax: 2 };

/** Rules of the shell and the broker that the core relies on; turning one off is a seeded bug. */
export interface Ground {
  readonly ledgerSingleActive: boolean;
  readonly ledgerWaitsForDisk: boolean;
  /** Announcers announce again what a pair of brokers may have lost. */
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
  /** The brokers are a mirrored pair, which may be parted: one side's messages are thrown away then. */
  readonly parts: boolean;
  /** A product can be fetched as long as the server that announced it lives, and one of them may die. Otherwise by chance. */
  readonly serversDie: boolean;
}

export interface WorldParts {
  readonly setting: Setting;
  readonly ground: Ground;
  readonly makeCore: (setting: Setting) => MakeCore;
  readonly choices: Choices;
  readonly counts: Counts;
  readonly points: FaultPoints;
  /** Gets a line for everything that happens; undefined: nothing is written, which is many times faster. */
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
  /** Products that were announced, and announcements that the broker took: what is announced again counts too. */
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
        // What is on its way counts twice between the ledger's word and the confirm.
        entriesBound: setting.entriesMax + limits.publishingMax,
        ...times,
        doubtsMax: limits.doubtsMax,
        parts: setting.parts,
        lives: setting.serversDie ? (source) => this.announcers[source]?.isAlive === true : undefined,
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
      const keepMs = setting.parts && ground.announcesAgain ? times.keepMs : 0;
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

  /** The pair's brokers don't see each other any more. Clients are on either side; each side's host soon has the address. */
  part(losing: number): void {
    // Each parting has a time of its own.
    this.advance(1);
    this.note?.(`the brokers part, ${this.host(losing).name}'s side will lose`);
    for (const announcer of this.announcers) if (this.choices.chance(40)) announcer.moveTo(losing);
    for (const puller of this.pullers) if (this.choices.chance(40)) puller.moveTo(losing);
    // What a puller has in hand is given out again on the other side.
    const inHand = this.pullers.map(({ beside, holding }) => ({ beside, holding }));
    part(this.broker, losing, this.nowMs);
    for (const { beside, holding } of inHand) {
      const other = beside === losing ? queueNumber.pull : queueNumber.pull + queuesASide;
      if (!holding) continue;
      holding.message.landed |= bitOf(queueNumber.pull + queuesASide);
      this.broker.putBack(other, { ...holding });
    }
    for (const host of this.hosts) {
      this.points.hit(host.number === losing ? "parted, to lose" : "parted, to win", host);
      if (this.choices.chance(80)) host.believe(true);
    }
  }

  /** They meet again: the losing one is restarted, all its clients lose their connections, and its host the address. */
  join(): void {
    const { losing } = this.broker;
    if (losing === undefined) return;
    const host = this.host(losing);
    this.note?.(`the brokers meet again, ${host.name}'s is restarted`);
    this.points.hit("thrown away", host);
    this.judge.met(this.nowMs);
    join(this.broker, this.nowMs, (queue, message) => this.judge.thrownAway(queue, message));
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

  /** One that believes so. */
  #holder(): number {
    const holders = this.hosts.filter(({ believes }) => believes);
    return (holders[this.choices.below(holders.length)] ?? this.host(0)).number;
  }

  /** Whoever was connected where no address is connects anew. */
  followAddress(holder: number): void {
    for (const host of this.hosts) if (host.number !== holder) this.#addressGone(host);
  }

  #addressGone({ number }: Host): void {
    if (!this.setting.parts) return;
    for (const announcer of this.announcers) if (announcer.beside === number) announcer.lose();
    for (const puller of this.pullers) if (puller.beside === number) puller.moveOn();
  }

  /** Time passes; processes that run look at their clock now and then. */
  advance(ms: number): void {
    if (this.broker.losing !== undefined && this.nowMs + ms - this.broker.partedAtMs > times.partedMaxMs) this.join();
    this.nowMs += ms;
    this.broker.expireLedgers(this.nowMs - times.windowMs);
  }

  /** Lines that a dispatcher or the broker takes for alive. */
  lines(): readonly Line[] {
    return this.broker.lines;
  }

  /** Nothing is on its way, waits or is held anywhere. */
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
