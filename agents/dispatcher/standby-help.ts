import type { CoreOptions } from "./core-options.ts";
import type { Turn } from "./turn.ts";

/** What is asked for, and under which topic it is answered. */
export interface Help {
  readonly key: string;
  readonly routingKey: string;
  /** Why the winner could not be fetched. */
  readonly reason: string;
}

/** Requests seen in the ledger by a host that does not work and keeps the twin: to be answered unless somebody else does first. */
export class StandbyHelp {
  readonly #turn: Turn;
  readonly #options: CoreOptions;
  /** By key; the first due first. */
  readonly #planned = new Map<string, Help & { readonly dueMs: number }>();

  constructor(turn: Turn, options: CoreOptions) {
    this.#turn = turn;
    this.#options = options;
  }

  plan(help: Help): void {
    const { standbyServeDelayMs, alternatesWaitingMax } = this.#options;
    // More than that at once are left to the one that works.
    if (this.#planned.size >= alternatesWaitingMax || this.#planned.has(help.key)) return;
    this.#planned.set(help.key, { ...help, dueMs: this.#turn.nowMs + standbyServeDelayMs });
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
}
