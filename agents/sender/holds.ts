import { type Backoff, backoffMs } from "../lib/backoff.ts";

interface Hold {
  readonly reason: string;
  readonly failures: number;
  readonly untilMs: number;
}

/**
 * What a server refuses, and until when it is left in peace: a file, a directory, all of it. So one directory without rights is asked about
 * now and then, and costs the others nothing.
 */
export class Holds {
  readonly #backoff: Backoff;
  readonly #now: () => number;
  readonly #holds = new Map<string, Hold>();

  constructor(backoff: Backoff, now: () => number) {
    this.#backoff = backoff;
    this.#now = now;
  }

  get size(): number {
    return this.#holds.size;
  }

  /** One of the reasons; undefined where nothing is held. */
  get reason(): string | undefined {
    return this.#holds.values().next().value?.reason;
  }

  /** Why one of these subjects is to be left in peace now. */
  heldBy(subjects: readonly string[]): string | undefined {
    for (const subject of subjects) {
      const hold = this.#holds.get(subject);
      if (hold && this.#now() < hold.untilMs) return hold.reason;
    }
    return undefined;
  }

  /** Refused; true where that is news. */
  refuse(subject: string, reason: string): boolean {
    const before = this.#holds.get(subject);
    // Many are under way at a time: those that were before the pause began make it no longer.
    if (before && this.#now() < before.untilMs) return false;
    const failures = (before?.failures ?? 0) + 1;
    this.#holds.set(subject, { reason, failures, untilMs: this.#now() + backoffMs(this.#backoff, failures) });
    return before?.reason !== reason;
  }

  /** Taken; answers the subjects that are free again. */
  clear(subjects: readonly string[]): string[] {
    return subjects.filter((subject) => this.#holds.delete(subject));
  }
}
