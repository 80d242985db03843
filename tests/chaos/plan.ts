import { type Random, seededRandom } from "../../scripts/traffic/random.ts";

/** The properties of a fault that the plan uses. */
export interface Drawable {
  readonly name: string;
  /** Shortest and longest duration, milliseconds. */
  readonly holdMs: readonly [least: number, most: number];
}

/** A round, with all its choices. */
export interface PlannedRound {
  /** Counts from 1. */
  readonly number: number;
  readonly fault: string;
  /** Pause of a healthy system before the fault. */
  readonly quietMs: number;
  readonly holdMs: number;
  /** Selects one of the other members, for faults of one: an index, modulo their number. */
  readonly other: number;
  /** Random integer for other choices of a fault. */
  readonly draw: number;
}

const quietMs = [300, 1500] as const;
const otherChoices = 60;
const drawsBelow = 1000;

/**
 * The endless rounds of a run: shuffled decks, each with every fault once. The same seed and faults give the same rounds, however many are
 * taken.
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
        draw: random.below(drawsBelow),
      };
      number += 1;
    }
  }
}

function between([least, most]: readonly [number, number], random: Random): number {
  return least + random.below(most - least + 1);
}

/** Fisher-Yates shuffle. */
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
