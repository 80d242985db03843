import { expect, it } from "vitest";
import { fixtureConfig } from "../../infra/model/fixture.ts";
import { chainOf } from "../../scripts/inspect/snapshot/chain.ts";
import { steps } from "../../scripts/inspect/verify/judge.ts";
import { publicFaults } from "./public.ts";
import { radarFaults } from "./radar.ts";

const all = [...radarFaults, ...publicFaults];
const chain = chainOf("lab", fixtureConfig("lab"));

// tests/acceptance/verify-faults.ts shows on the lab's hosts that verify names them.
it("has at least 25 faults with different names", () => {
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  expect(new Set(all.map(({ inject }) => JSON.stringify(inject))).size).toBe(all.length);
  expect(all.length).toBeGreaterThanOrEqual(25);
});

it.each(all.map((fault) => [fault.name, fault] as const))(
  "is about a step that the lab has: %s",
  (_, { host, step }) => {
    expect(steps.filter(({ id, hosts }) => id === step && hosts(chain).includes(host))).not.toEqual([]);
  },
);
