import { describe, expect, it } from "vitest";
import { healthyEvidence, hostOf, moveTo } from "../inspect/verify/fixture.ts";
import { moveAwayProblem } from "./step-aside.ts";
import { printedAtMs } from "./undo-timer.ts";

describe("moving the virtual IP off a host", () => {
  it("is done when exactly one other host holds it and has an active dispatcher", () => {
    const evidence = healthyEvidence();
    expect(moveAwayProblem(evidence, "bunny1")?.evidence).toContain("it is on bunny1");
    moveTo(evidence, "nowhere");
    expect(moveAwayProblem(evidence, "bunny1")?.evidence).toContain("it is on no host");
    moveTo(evidence, "bunny2");
    expect(moveAwayProblem(evidence, "bunny1")).toBeUndefined();
    const health = hostOf(evidence, "bunny2").agents.dispatcher?.health;
    if (health) health.state = "standby";
    expect(moveAwayProblem(evidence, "bunny1")?.evidence).toBe("the dispatcher there is standby");
  });

  it("reads the host's time from among other output", () => {
    expect(printedAtMs("Running timer\n1764288000123")).toBe(1764288000123);
    expect(printedAtMs("no such program")).toBeUndefined();
  });
});
