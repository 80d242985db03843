import { Command } from "commander";
import { expect, it, vi } from "vitest";
import { faults } from "./chaos/faults.ts";
import type { Scene } from "./chaos/scene.ts";
import { chosenFaults, define } from "./chaos.ts";

async function chaos(...words: string[]): Promise<void> {
  const command = new Command("chaos").exitOverride().configureOutput({ writeErr: () => {} });
  define(command);
  await command.parseAsync(words, { from: "user" });
}

it("--list says each fault in a sentence, and asks no lab", async () => {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  await chaos("--list");
  const said = written.mock.calls.map(([text]) => String(text)).join("");
  written.mockRestore();
  for (const { name, summary } of faults) expect(said).toMatch(new RegExp(`^${name} +${summary}$`, "m"));
});

it.each([
  [["--faults", "broker-killed,earthquake"], "there is no earthquake; --list says what there is"],
  [["--rounds", "0"], "a whole number from 1"],
  [["--hours", "-1"], "a number of hours"],
  [["--rate", "many"], "a whole number from 1 to 500"],
])("%j is refused with what is expected", async (words, expected) => {
  await expect(chaos(...words)).rejects.toThrow(expected);
});

it("names of faults are told apart, and every one has something to hold to", () => {
  expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
  for (const { summary, expectation, holdMs } of faults) {
    expect(summary).not.toBe("");
    expect(expectation).not.toBe("");
    expect(holdMs[0]).toBeLessThanOrEqual(holdMs[1]);
  }
});

const scene = (ownDisks: readonly string[]) => ({ ownDisks }) as unknown as Scene;

it("a fault that a lab can't have is left out, and said with its reason", () => {
  const { faults: chosen, notDone } = chosenFaults({}, scene([]));
  expect(chosen.map(({ name }) => name)).not.toContain("disk-full");
  expect(notDone).toEqual({ "disk-full": "no member of this lab has a disk of its own (diskMb)" });
  expect(chosenFaults({}, scene(["bunny1"])).notDone).toEqual({});
});

it("take-over measures the faults that have a time to keep", () => {
  const { faults: chosen } = chosenFaults({ takeOver: true }, scene([]));
  expect(chosen.map(({ name, takeOverWithinMs }) => [name, takeOverWithinMs])).toEqual([
    ["dispatcher-killed", 1000],
    ["broker-killed", 2000],
    ["vip-moved", 300],
    ["link-cut", 2000],
  ]);
});

it("a run of nothing but what the lab can't have is refused", () => {
  const full = faults.filter(({ name }) => name === "disk-full");
  expect(() => chosenFaults({ faults: full }, scene([]))).toThrow("none of them can be made here");
});
