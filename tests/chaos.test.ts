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

it("--list describes each fault in a sentence, without a lab", async () => {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  await chaos("--list");
  const output = written.mock.calls.map(([text]) => String(text)).join("");
  written.mockRestore();
  for (const { name, summary } of faults) expect(output).toMatch(new RegExp(`^${name} +${summary}$`, "m"));
});

it.each([
  [["--faults", "broker-killed,earthquake"], "unknown fault earthquake; --list shows all faults"],
  [["--rounds", "0"], "a whole number from 1"],
  [["--hours", "-1"], "a number of hours"],
  [["--rate", "many"], "a whole number from 1 to 500"],
])("%j is refused with the expected values", async (words, expected) => {
  await expect(chaos(...words)).rejects.toThrow(expected);
});

it("faults have different names, and each has an expectation", () => {
  expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length);
  for (const { summary, expectation, holdMs } of faults) {
    expect(summary).not.toBe("");
    expect(expectation).not.toBe("");
    expect(holdMs[0]).toBeLessThanOrEqual(holdMs[1]);
  }
});

const scene = (ownDisks: readonly string[]) => ({ ownDisks }) as unknown as Scene;

it("a fault that the lab doesn't allow is left out, with a reason", () => {
  const { faults: chosen, notDone } = chosenFaults({}, scene([]));
  expect(chosen.map(({ name }) => name)).not.toContain("disk-full");
  expect(notDone).toEqual({ "disk-full": "no member of this lab has its own disk (diskMb)" });
  expect(chosenFaults({}, scene(["bunny1"])).notDone).toEqual({});
});

it("--take-over selects the faults with a time limit", () => {
  const { faults: chosen } = chosenFaults({ takeOver: true }, scene([]));
  expect(chosen.map(({ name, takeOverWithinMs }) => [name, takeOverWithinMs])).toEqual([
    ["dispatcher-killed", 1000],
    ["broker-killed", 2000],
    ["vip-moved", 300],
    ["link-cut", 2000],
  ]);
});

it("a run without any allowed fault is refused", () => {
  const full = faults.filter(({ name }) => name === "disk-full");
  expect(() => chosenFaults({ faults: full }, scene([]))).toThrow("this lab allows none of them");
});
