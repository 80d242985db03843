import { describe, expect, it } from "vitest";
import { moveTo, soundEvidence, wordsOf } from "../inspect/verify/fixture.ts";
import { moveAwayProblem } from "./step-aside.ts";
import { toldAtMs } from "./undo-timer.ts";

describe("an address that is to leave a host", () => {
  it("is away when one other host has it and dispatches", () => {
    const evidence = soundEvidence();
    expect(moveAwayProblem(evidence, "bunny1")?.evidence).toContain("it is on bunny1");
    moveTo(evidence, "nowhere");
    expect(moveAwayProblem(evidence, "bunny1")?.evidence).toContain("it is on no host");
    moveTo(evidence, "bunny2");
    expect(moveAwayProblem(evidence, "bunny1")).toBeUndefined();
    const health = wordsOf(evidence, "bunny2").agents.dispatcher?.health;
    if (health) health.state = "standby";
    expect(moveAwayProblem(evidence, "bunny1")?.evidence).toBe("the dispatcher there is standby");
  });

  it("was told at the time that its host says among other words", () => {
    expect(toldAtMs("Running timer\n1764288000123")).toBe(1764288000123);
    expect(toldAtMs("no such program")).toBeUndefined();
  });
});
