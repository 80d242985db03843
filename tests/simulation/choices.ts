/**
 * Source of all choices in a schedule: a small fast generator (splitmix32), seeded for each step from the schedule's seed and the step's
 * number. So a step draws the same numbers if other steps are left out. Shrinking just leaves steps out, and a seed with a list of steps
 * replays exactly.
 */
export class Choices {
  readonly #seed: number;
  #state = 0;

  constructor(seed: number) {
    this.#seed = seed | 0;
  }

  /** Starts step `step`: the next choices depend only on seed and step. */
  at(step: number): void {
    this.#state = Math.imul(this.#seed ^ 0x5bd1e995, 0x9e3779b1) ^ Math.imul(step + 1, 0x85ebca6b);
    this.#next();
  }

  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor((this.#next() / 4_294_967_296) * bound);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}
