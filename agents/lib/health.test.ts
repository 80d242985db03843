import { expect, it } from "vitest";
import { brokerHealth, healthSchema } from "./health.ts";

it.each([
  ["is connected", ["ready"], true, false],
  ["is connected and blocked during a broker alarm", ["blocked"], true, true],
  ["is not connected", ["connecting"], false, false],
  ["is not connected if one of two is not", ["ready", "closed"], false, false],
  ["is blocked if one of two is", ["ready", "blocked"], true, true],
] as const)("an agent %s", (_, states, connected, blocked) => {
  expect(brokerHealth(...states)).toEqual({ connectionTo: "broker", connected, blocked });
});

it("a later version's report can be read by this one", () => {
  const later = { version: 2, agent: "puller", ready: true, ok: true, text: "", newKey: [1] };
  expect(healthSchema.loose().parse(later)).toEqual(later);
  expect(healthSchema.safeParse({ ...later, version: undefined }).success).toBe(false);
});
