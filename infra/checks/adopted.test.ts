import { describe, expect, it } from "vitest";
import { configOf, notesStack } from "../adopt/fixture-pair.ts";
import { fixtureArtifacts } from "../model/fixture.ts";
import { buildModel } from "../model/index.ts";
import { checkModel, findings } from "./index.ts";
import { noPast } from "./past.ts";

const config = configOf(notesStack());
for (const { priorities } of Object.values(config.virtualIps)) priorities.bunny2 = 150;
const model = buildModel("old", config, fixtureArtifacts);

describe("an error in a service on adopted hosts", () => {
  it("is a warning, so that the service can be adopted first and fixed afterwards", () => {
    const found = checkModel(model, config, noPast).filter(({ rule }) => rule === "equal-priorities");
    expect(found).toMatchObject([{ severity: "warning", path: "warren:virtualIps.bunny-op.priorities" }]);
  });

  it("stops the run once warren manages the service", () => {
    const released = structuredClone(config);
    for (const host of Object.values(released.hosts)) delete host.adopted?.keepalived;
    expect(() => checkModel(model, released, noPast)).toThrow(/equal-priorities/);
  });

  it("stops an upgrade in place as on any host", () => {
    const past = { ...noPast, series: { bunny: "4.0" } };
    const found = findings(model, config, past).filter(({ rule }) => rule === "series-in-place");
    expect(found.map(({ severity }) => severity)).toEqual(["error"]);
  });
});
