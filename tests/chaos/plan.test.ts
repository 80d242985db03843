import { expect, it } from "vitest";
import { type PlannedRound, planRounds } from "./plan.ts";

const faults = [
  { name: "killed", holdMs: [100, 200] },
  { name: "cut", holdMs: [1000, 3000] },
  { name: "full", holdMs: [5, 5] },
] as const;

function take(seed: number, count: number): PlannedRound[] {
  const rounds: PlannedRound[] = [];
  for (const round of planRounds(seed, faults)) if (rounds.push(round) === count) break;
  return rounds;
}

it("the same seed gives the same faults, members and times, for any number of rounds", () => {
  expect(take(7, 30).slice(0, 9)).toEqual(take(7, 9));
});

it("another seed gives another run", () => {
  expect(take(7, 9)).not.toEqual(take(8, 9));
});

it("each fault occurs once before one repeats, in varying order", () => {
  const names = take(1, 30).map(({ fault }) => fault);
  const decks = Array.from({ length: 10 }, (_, deck) => names.slice(deck * 3, deck * 3 + 3));
  for (const deck of decks) expect(deck.toSorted()).toEqual(["cut", "full", "killed"]);
  expect(new Set(decks.map(String)).size).toBeGreaterThan(1);
});

it("a fault's duration is within its row's limits, and rounds are numbered from 1", () => {
  const rounds = take(3, 60);
  expect(rounds.map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  for (const { fault, holdMs } of rounds) {
    const [least, most] = faults.find(({ name }) => name === fault)?.holdMs ?? [0, 0];
    expect(holdMs).toBeGreaterThanOrEqual(least);
    expect(holdMs).toBeLessThanOrEqual(most);
  }
});

it("a plan without faults is refused", () => {
  expect(() => planRounds(1, []).next()).toThrow("a plan needs a fault");
});
