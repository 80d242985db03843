import { type Backoff, backoffMs } from "../lib/backoff.ts";
import type { Outcome } from "./download.ts";

export interface OriginsOptions {
  /** Tries in a row without any answer after which a server is taken for dead. */
  readonly faultsMax: number;
  /** Pauses between the probes of a dead one. */
  readonly probe: Backoff;
}

/** A server that is taken for dead. */
export interface SilentOrigin {
  readonly origin: string;
  readonly sinceMs: number;
  /** What its last try failed with. */
  readonly text: string;
}

/** In words, for reasons and status lines. */
export function describeSilence({ origin, sinceMs, text }: SilentOrigin, nowMs: number): string {
  return `${origin} has given no answer for ${Math.round((nowMs - sinceMs) / 1000)} s (${text})`;
}

interface Record {
  readonly sinceMs: number;
  text: string;
  faults: number;
  probes: number;
  probeAtMs: number;
}

/** Servers in trouble at a time are few; announcements naming ever others must not use up the memory. */
const originsMax = 1000;
/** A probe that hangs costs a pull its time: after one that took long, the next waits until it is a tenth of all. */
const probePauses = 9;

/**
 * Remembers which servers give no answer at all: no connection, or silence until the time is over. Any answer, an error
 * too, shows that a server lives, and it is forgotten here. Per process: each puller finds out for itself.
 */
export class Origins {
  readonly #options: OriginsOptions;
  readonly #random: () => number;
  /** Those whose last try had no answer. */
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

  /** Undefined while it is not taken for dead. */
  silenceOf(origin: string): SilentOrigin | undefined {
    const record = this.#records.get(origin);
    if (!record || !this.#isSilent(record)) return undefined;
    return { origin, sinceMs: record.sinceMs, text: record.text };
  }

  /** Always, save while it is taken for dead: then now and then once, as a probe. */
  mayTry(origin: string, nowMs: number): boolean {
    const record = this.#records.get(origin);
    if (!record || !this.#isSilent(record)) return true;
    if (nowMs < record.probeAtMs) return false;
    // One at a time; where nothing is heard of it (the pull was dropped), another one after the longest pause.
    record.probeAtMs = nowMs + this.#options.probe.maxMs;
    return true;
  }

  /** What came of a try that took until now. The answer is what that changed. */
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
