import type { Step } from "./step.ts";

/** What is asked for, and under which topic it is answered. */
export interface Help {
  readonly key: string;
  readonly routingKey: string;
  /** Why the winner could not be fetched. */
  readonly reason: string;
  /** Of the announcement that failed: another of the same source is no alternative. */
  readonly source: string;
}

/** Of about 300 bytes each. Beyond, the oldest is forgotten. */
const helpsMax = 10_000;

/** Help that products may need later, one a product, for as long as a product is known. In memory only. */
export class Helps {
  readonly #turn: Step;
  /** By key; the oldest first. */
  readonly #byKey = new Map<string, Help & { readonly sinceMs: number }>();

  constructor(turn: Step) {
    this.#turn = turn;
  }

  /** From now on, in the place of what was noted for the product before. */
  note({ key, routingKey, reason, source }: Help): void {
    this.#byKey.delete(key);
    this.#byKey.set(key, { key, routingKey, reason, source, sinceMs: this.#turn.nowMs });
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size <= helpsMax) break;
      this.#byKey.delete(oldest);
    }
  }

  get(key: string): Help | undefined {
    const help = this.#byKey.get(key);
    return help && !this.#isOver(help.sinceMs) ? help : undefined;
  }

  /** The oldest, where it was noted at `untilMs` or before; it is noted no more. */
  takeOldest(untilMs: number): Help | undefined {
    for (const help of this.#byKey.values()) {
      if (help.sinceMs > untilMs) return undefined;
      this.#byKey.delete(help.key);
      return help;
    }
    return undefined;
  }

  drop(key: string): void {
    this.#byKey.delete(key);
  }

  /** Forgets what is of use to nobody. */
  onTick(): void {
    for (const { key, sinceMs } of this.#byKey.values()) {
      if (!this.#isOver(sinceMs)) break;
      this.#byKey.delete(key);
    }
  }

  #isOver(sinceMs: number): boolean {
    return sinceMs + this.#turn.table.windowMs <= this.#turn.nowMs;
  }
}
