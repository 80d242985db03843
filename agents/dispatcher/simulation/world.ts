import type { Effect } from "../events.ts";
import { Broker } from "./broker.ts";
import type { Choices } from "./choices.ts";
import type { MakeCore } from "./core-under-test.ts";
import type { Counts } from "./counts.ts";
import type { FaultPoints } from "./fault-points.ts";
import { Host } from "./host.ts";
import { Judge } from "./judge.ts";
import type { Line } from "./line.ts";
import { bodyOf, hostCount, type Mode, queueCount, sources } from "./message.ts";
import { announcementOf, Puller } from "./puller.ts";

/** Times of the simulated dispatchers: shorter than real ones, in the same order, so that a schedule needs few steps to pass them. */
export const times = {
  windowMs: 60_000,
  doubtMs: 3000,
  doubtMaxMs: 20_000,
  giveUpMs: 1000,
  confirmTimeoutMs: 4000,
  silenceMs: 1000,
  alternateWaitMs: 8000,
  standbyServeDelayMs: 1000,
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
}

export const firmGround: Ground = { ledgerSingleActive: true, ledgerWaitsForDisk: true };

export interface Setting {
  readonly mode: Mode;
  readonly receipts: boolean;
  readonly entriesMax: number;
  readonly productCount: number;
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

/** Two dispatcher hosts, a broker, two pullers, a clock. */
export class World {
  readonly setting: Setting;
  readonly choices: Choices;
  readonly broker: Broker;
  readonly judge: Judge;
  readonly hosts: readonly Host[];
  readonly pullers: readonly Puller[];
  readonly points: FaultPoints;
  readonly note: ((text: string) => void) | undefined;
  nowMs = 1_700_000_000_000;
  announced = 0;
  #nextNumber = 1;

  constructor(parts: WorldParts) {
    const { setting, ground, choices, counts, trace, points } = parts;
    this.setting = setting;
    this.choices = choices;
    this.points = points;
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
      },
      counts,
    );
    const around = {
      choices,
      counts,
      judge: this.judge,
      nowMs: () => this.nowMs,
      nextNumber: () => this.#nextNumber++,
      note: this.note,
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
    this.hosts = Array.from({ length: hostCount }, (_, number) => new Host(number, options, withBroker));
    this.pullers = ["puller 1", "puller 2"].map((name) => new Puller(name, withBroker));
  }

  host(number: number): Host {
    const host = this.hosts[number];
    if (!host) throw new Error(`no host ${number}`);
    return host;
  }

  announce(product: number, source: number): void {
    this.note?.(`${sources[source]} announces product ${product}`);
    this.announced++;
    const message = announcementOf(product, source, bodyOf(product, source), this.#nextNumber++, this.nowMs);
    this.judge.announced(message);
    this.broker.put(message);
  }

  /** Time passes; processes that run look at their clock now and then. */
  advance(ms: number): void {
    this.nowMs += ms;
    this.broker.expireLedgers(this.nowMs - times.windowMs);
  }

  /** Lines that a dispatcher or the broker takes for alive. */
  lines(): readonly Line[] {
    return this.broker.lines;
  }

  /** Nothing is on its way, waits or is held anywhere. */
  get isDrained(): boolean {
    for (let queue = 0; queue < queueCount; queue++) if (this.broker.queues[queue]?.length) return false;
    for (const line of this.broker.lines) {
      if (line.held.length > 0 || line.publishing.length > 0 || line.up.length > 0 || line.down.length > 0)
        return false;
    }
    return this.pullers.every((puller) => puller.isIdle) && this.hosts.every((host) => host.isQuiet);
  }
}
