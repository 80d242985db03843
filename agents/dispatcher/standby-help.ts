import type { Turn } from "./turn.ts";

/** What is asked for, and under which topic it is answered. */
export interface Help {
  readonly key: string;
  readonly routingKey: string;
  /** Why the winner could not be fetched. */
  readonly reason: string;
  /** Of the announcement that failed: another of the same source is no alternative. */
  readonly source: string;
}

/** Of about 300 bytes each. Beyond, the oldest is left to the one that works. */
const plannedMax = 10_000;

/**
 * Requests seen in the ledger, which somebody else may have in hand that keeps no twin: where one is kept here, they are to be answered
 * unless somebody does first. Also by a host that works while it sees them: the address may leave before the request comes to it.
 */
export class StandbyHelp {
  readonly #turn: Turn;
  /** By key; the first due first. */
  readonly #planned = new Map<string, Help & { readonly dueMs: number }>();

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  plan(help: Help): void {
    if (this.#planned.has(help.key)) return;
    this.#planned.set(help.key, { ...help, dueMs: this.#turn.nowMs + this.#turn.options.standbyServeDelayMs });
    for (const key of this.#planned.keys()) {
      if (this.#planned.size <= plannedMax) break;
      this.#planned.delete(key);
    }
  }

  /** Somebody else did. */
  drop(key: string): void {
    this.#planned.delete(key);
  }

  /** The next that is due, once. */
  takeDue(): Help | undefined {
    for (const help of this.#planned.values()) {
      if (help.dueMs > this.#turn.nowMs) return undefined;
      this.#planned.delete(help.key);
      return help;
    }
    return undefined;
  }

  /** Asked for a window ago, it is of use to nobody. */
  onTick(): void {
    for (const [key, { dueMs }] of this.#planned) {
      if (dueMs + this.#turn.options.dedupWindowMs > this.#turn.nowMs) break;
      this.#planned.delete(key);
    }
  }
}
