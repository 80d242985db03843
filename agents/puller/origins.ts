import { type Backoff, backoffMs } from "../lib/backoff.ts";
import type { Outcome } from "../lib/download.ts";

export interface OriginsOptions {
  /** Consecutive unanswered attempts after which a server is considered dead. */
  readonly faultsMax: number;
  /** Pauses between the probes of a dead one. */
  readonly probe: Backoff;
}

/** A server that is considered dead. */
export interface SilentOrigin {
  readonly origin: string;
  readonly sinceMs: number;
  /** The error of its last attempt. */
  readonly text: string;
}

/** The silence as a text, for reasons and status lines. */
export function describeSilence({ origin, sinceMs, text }: SilentOrigin, nowMs: number): string {
  return `${origin} has not answered for ${Math.round((nowMs - sinceMs) / 1000)} s (${text})`;
}

interface Record {
  readonly sinceMs: number;
  text: string;
  faults: number;
  probes: number;
  probeAtMs: number;
}

/** Few servers fail at a time. The limit protects the memory from announcements that name ever new ones. */
const originsMax = 1000;
/**
 * A hanging probe delays a pull. After one that took long, the pause is nine times its duration, so that probes take a tenth of
 * the time.
 */
const probePauses = 9;

/**
 * Remembers which servers give no answer at all: no connection, or silence until the timeout. Any answer, even an error, shows
 * that a server is alive, and it is forgotten here. Each puller process finds out for itself.
 */
export class Origins {
  readonly #options: OriginsOptions;
  readonly #random: () => number;
  /** Those whose last attempt had no answer. */
  readonly #records = new Map<string, Record>();

  constructor(options: OriginsOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  get silent(): SilentOrigin[] {
    return [...this.#records]
      .filter(([, record]) => this.#isSilent(record))
      .map(([origin, { sinceMs, text }]) => ({ origin, sinceMs, text }));
  }

  /** Undefined while it is not considered dead. */
  silenceOf(origin: string): SilentOrigin | undefined {
    const record = this.#records.get(origin);
    if (!record || !this.#isSilent(record)) return undefined;
    return { origin, sinceMs: record.sinceMs, text: record.text };
  }

  /** Always true, except for a server considered dead: then once in a while, as a probe. */
  mayTry(origin: string, nowMs: number): boolean {
    const record = this.#records.get(origin);
    if (!record || !this.#isSilent(record)) return true;
    if (nowMs < record.probeAtMs) return false;
    // One probe at a time. If it has no result (the pull was dropped), another one is allowed after the longest pause.
    record.probeAtMs = nowMs + this.#options.probe.maxMs;
    return true;
  }

  /** Notes the result of an attempt that just ended. Returns what it changed, if anything. */
  note(outcome: Outcome, origin: string, beganMs: number, nowMs: number): "silent" | "answered" | undefined {
    if (outcome.kind === "fault" && outcome.silent) return this.#unanswered(origin, outcome.text, beganMs, nowMs);
    const record = this.#records.get(origin);
    this.#records.delete(origin);
    return record && this.#isSilent(record) ? "answered" : undefined;
  }

  #unanswered(origin: string, text: string, beganMs: number, nowMs: number): "silent" | undefined {
    const record = this.#records.get(origin) ?? this.#begin(origin, text, beganMs);
    record.text = text;
    record.faults += 1;
    if (!this.#isSilent(record)) return undefined;
    record.probes += 1;
    const pauseMs = backoffMs(this.#options.probe, record.probes, this.#random);
    record.probeAtMs = nowMs + Math.max(pauseMs, probePauses * (nowMs - beganMs));
    return record.faults === this.#options.faultsMax ? "silent" : undefined;
  }

  #begin(origin: string, text: string, sinceMs: number): Record {
    const record: Record = { sinceMs, text, faults: 0, probes: 0, probeAtMs: 0 };
    this.#records.set(origin, record);
    if (this.#records.size > originsMax) {
      const oldest = this.#records.keys().next().value;
      if (oldest !== undefined) this.#records.delete(oldest);
    }
    return record;
  }

  #isSilent(record: Record): boolean {
    return record.faults >= this.#options.faultsMax;
  }
}
