import { type Random, seededRandom } from "../../scripts/traffic/random.ts";

/** What the plan has to know of a fault. */
export interface Drawable {
  readonly name: string;
  /** For how long it stays, milliseconds: at least, at most. */
  readonly holdMs: readonly [least: number, most: number];
}

/** One round, every choice of it made. */
export interface PlannedRound {
  /** Counts from 1. */
  readonly number: number;
  readonly fault: string;
  /** From a system that is whole to the fault. */
  readonly quietMs: number;
  readonly holdMs: number;
  /** Which of the other members is meant, where a fault is about one: its place in their order, taken by the remainder. */
  readonly other: number;
  /** Whatever else a fault leaves open. */
  readonly luck: number;
}

const quietMs = [300, 1500] as const;
const otherChoices = 60;
const luckChoices = 1000;

/**
 * The rounds of a run, without end: deck after deck, each with every fault once, shuffled. The same seed and faults give the same rounds,
 * however many of them are taken.
 */
export function* planRounds(seed: number, faults: readonly Drawable[]): Generator<PlannedRound, never> {
  if (faults.length === 0) throw new RangeError("a plan needs a fault");
  const random = seededRandom(seed);
  for (let number = 1; ; ) {
    for (const fault of shuffled(faults, random)) {
      yield {
        number,
        fault: fault.name,
        quietMs: between(quietMs, random),
        holdMs: between(fault.holdMs, random),
        other: random.below(otherChoices),
        luck: random.below(luckChoices),
      };
      number += 1;
    }
  }
}

function between([least, most]: readonly [number, number], random: Random): number {
  return least + random.below(most - least + 1);
}

/** Fisher and Yates. */
function shuffled<T>(items: readonly T[], random: Random): T[] {
  const deck = [...items];
  for (let last = deck.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const [one, two] = [deck[last], deck[other]];
    if (one === undefined || two === undefined) continue;
    deck[last] = two;
    deck[other] = one;
  }
  return deck;
}
