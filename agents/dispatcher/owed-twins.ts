import type { Help } from "./standby-help.ts";
import type { Turn } from "./turn.ts";

/** Of about 300 bytes each. Beyond, the oldest is forgotten: its last round of tries is under way, or over. */
const owedMax = 10_000;

/**
 * Products of which the failed announcement went out once more because no twin had come, or too many requests waited: a twin
 * that comes all the same is owed to the pullers. In memory only; for as long as a product is known.
 */
export class OwedTwins {
  readonly #turn: Turn;
  /** By key; the oldest first. */
  readonly #owed = new Map<string, Help & { readonly untilMs: number }>();

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  note(help: Help): void {
    this.#owed.delete(help.key);
    this.#owed.set(help.key, { ...help, untilMs: this.#turn.nowMs + this.#turn.options.dedupWindowMs });
    for (const key of this.#owed.keys()) {
      if (this.#owed.size <= owedMax) break;
      this.#owed.delete(key);
    }
  }

  /** What is owed, to be answered by an announcement of this source; of another than the failed one's where it is not said. */
  get(key: string, source?: string): Help | undefined {
    const owed = this.#owed.get(key);
    return owed && owed.source !== source && owed.untilMs > this.#turn.nowMs ? owed : undefined;
  }

  drop(key: string): void {
    this.#owed.delete(key);
  }

  onTick(): void {
    for (const [key, { untilMs }] of this.#owed) {
      if (untilMs > this.#turn.nowMs) break;
      this.#owed.delete(key);
    }
  }
}
