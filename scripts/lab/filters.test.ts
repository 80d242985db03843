import { expect, it } from "vitest";
import { lossTable, partitionTable } from "./filters.ts";
import { defaultHosts } from "./spec.ts";

const [one, other, third] = defaultHosts(3).slice(0, 3) as [never, never, never];

it("a partition drops only packets between its sides, in both directions", () => {
  const rules = partitionTable(3, [one], [other, third]).match(/iifname.*/g);
  expect(rules).toEqual([
    'iifname { "wl3h11" } oifname { "wl3h12", "wl3h21" } drop',
    'iifname { "wl3h12", "wl3h21" } oifname { "wl3h11" } drop',
  ]);
});

it("a loss has a resolution of a tenth of a percent", () => {
  expect(lossTable(3, one, 2.5)).toContain('iifname "wl3h11" numgen random mod 1000 < 25 drop');
});
