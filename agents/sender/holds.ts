import { type Backoff, backoffMs } from "../lib/backoff.ts";

interface Hold {
  readonly reason: string;
  readonly failures: number;
  readonly untilMs: number;
}

/**
 * Files, directories and servers that refused, and when each may be retried. So a directory without permissions is retried now and then,
 * and doesn't delay other files.
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

  /** One of the reasons; undefined if nothing is held. */
  get reason(): string | undefined {
    return this.#holds.values().next().value?.reason;
  }

  /** Why one of these subjects must not be retried yet; undefined if all may. */
  heldBy(subjects: readonly string[]): string | undefined {
    for (const subject of subjects) {
      const hold = this.#holds.get(subject);
      if (hold && this.#now() < hold.untilMs) return hold.reason;
    }
    return undefined;
  }

  /** Records a refusal. Returns whether it is a new one, or has a new reason. */
  refuse(subject: string, reason: string): boolean {
    const before = this.#holds.get(subject);
    // Many uploads are in flight at a time: those that began before the pause don't extend it.
    if (before && this.#now() < before.untilMs) return false;
    const failures = (before?.failures ?? 0) + 1;
    this.#holds.set(subject, { reason, failures, untilMs: this.#now() + backoffMs(this.#backoff, failures) });
    return before?.reason !== reason;
  }

  /** Records a success. Returns the subjects that are no longer held. */
  clear(subjects: readonly string[]): string[] {
    return subjects.filter((subject) => this.#holds.delete(subject));
  }
}
