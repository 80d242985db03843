import { describe, expect, it } from "vitest";
import { render } from "../commands/command.ts";
import { fixtureConfig, fixtureModel } from "../model/fixture.ts";
import { findDrift } from "../observe/find-drift.ts";
import type { HostDrifts } from "../observe/host-drifts.ts";
import type { Observation } from "../observe/observation.ts";
import { type KeptSteps, type PlannedStep, planSteps, stepNotes } from "./plan.ts";

const model = fixtureModel();
const key = "key-of-the-digests";
const nothing: Observation = {
  files: new Map(),
  accounts: new Set(),
  packages: new Map(),
  units: new Map(),
  addresses: [],
  listening: new Set(),
};
const bareOn = (...hosts: string[]): HostDrifts =>
  findDrift(model, new Map(hosts.map((host) => [host, nothing])), new Map()).hosts;
const bare = bareOn(...model.hosts.map((host) => host.name));
const unreachable: HostDrifts = new Map();
const keep = (planned: readonly PlannedStep[]): KeptSteps =>
  Object.fromEntries(planned.map((step) => [step.name, step.kept]));
const first = planSteps(model, bare, {}, key, "T1");

describe("planSteps", () => {
  it("reports no drift on the first run", () => {
    expect(first.filter((step) => step.drift.length > 0)).toEqual([]);
    expect(first.map((step) => step.kept.repair)).toEqual(first.map(() => ""));
  });

  it("gives every step a unique name", () => {
    expect(new Set(first.map((step) => step.name)).size).toBe(first.length);
  });

  // Steps of other hosts are moved before it when they are declared.
  it("puts every step after the steps of its host that it names", () => {
    const position = new Map(first.map((step, index) => [step.name, index]));
    for (const { host, step, name } of first) {
      for (const other of step.after) {
        const before = position.get(`${host} ${other}`);
        if (before === undefined) expect(position.has(other), `${name} after ${other}`).toBe(true);
        else expect(before, `${name} after ${other}`).toBeLessThan(position.get(name) ?? -1);
      }
    }
  });

  it("makes pullers take turns, without waiting for an unreachable one", () => {
    const turnsOf = (drifts: HostDrifts) =>
      planSteps(model, drifts, {}, key, "T1")
        .filter(({ name }) => name.endsWith(" warren-puller.service"))
        .map(({ turn }) => turn?.after ?? []);
    const others = new Map([...bare].filter(([host]) => host !== "pds-2"));
    const [one, three, four] = ["pds-1", "pds-3", "pds-4"].map((host) => [`${host} warren-puller.service`]);
    expect(turnsOf(bare)).toEqual([[], one, ["pds-2 warren-puller.service"], three, four]);
    expect(turnsOf(others)).toEqual([[], one, [], three, four]);
  });

  it("replaces a puller's program and config in its turn, so that a bad one stops at the first host", () => {
    const again = planSteps(model, bare, keep(first), key, "T2");
    for (const thing of ["/etc/warren/puller.json", "/opt/warren/agents/puller.mjs"]) {
      const found = again.find(({ name }) => name === `pds-2 ${thing}`);
      expect(found?.turn?.after, thing).toContain("pds-1 warren-puller.service");
      expect(first.find(({ name }) => name === `pds-2 ${thing}`)).not.toHaveProperty("turn");
    }
  });

  it("keeps the records of hosts that can't be observed", () => {
    expect(keep(planSteps(model, unreachable, keep(first), key, "T2"))).toEqual(keep(first));
  });

  it("notes a repair of a host that lost something, and renews the steps that follow it", () => {
    const second = planSteps(model, bare, keep(first), key, "T2");
    const conf = second.find((step) => step.name === "bunny1 /etc/keepalived/keepalived.conf");
    expect(conf?.drift).toEqual(["is missing"]);
    expect(stepNotes(conf as PlannedStep).at(-1)).toBe("repair T2 is missing");
    const digest = (steps: PlannedStep[]) =>
      steps.find((step) => step.name === "bunny1 keepalived.service")?.kept.digest;
    expect(digest(second)).not.toBe(digest(first));
  });

  it("keeps a repair note once the host is healthy again, so that the next run changes nothing", () => {
    const repaired = planSteps(model, bareOn("pds-1"), keep(first), key, "T2");
    expect(keep(planSteps(model, unreachable, keep(repaired), key, "T3"))).toEqual(keep(repaired));
  });

  it("refuses a step with an obstacle, new or not, with a remedy", () => {
    const obstacles = ["/apps/px/rxq is a symbolic link to /etc, not a folder"];
    const found: HostDrifts = new Map([
      ["pds-1", new Map([["accounts and folders", { differences: obstacles, mends: [], obstacles }]])],
    ]);
    const of = (planned: PlannedStep[]) => planned.find((step) => step.name === "pds-1 accounts and folders");
    for (const one of [
      of(planSteps(model, found, {}, key, "T2")),
      of(planSteps(model, found, keep(first), key, "T2")),
    ]) {
      expect(one?.drift).toEqual(obstacles);
      for (const command of [one?.step.create, one?.step.renew, one?.step.repair]) {
        const text = command ? render(command) : "";
        expect(text).toContain("pds-1: /apps/px/rxq is a symbolic link to /etc, not a folder");
        expect(text).toMatch(/move it away or set it right, then run up again\..*>\/dev\/stderr; false$/s);
        expect(text).not.toMatch(/install|chown|useradd/);
      }
    }
    // The next run without the obstacle executes the step.
    const after = of(planSteps(model, new Map([["pds-1", new Map()]]), keep(first), key, "T3"));
    expect(after && render(after.step.renew)).toContain("install -d");
  });

  it("keeps additional repairs until the next repair", () => {
    const unheld: HostDrifts = new Map([
      ["bunny1", new Map([["keepalived.service", { differences: ["10.203.0.50 is on no host"], mends: ["restart"] }]])],
    ]);
    const second = planSteps(model, unheld, keep(first), key, "T2");
    const kept = keep(second)["bunny1 keepalived.service"];
    expect(kept).toMatchObject({ repair: "T2 10.203.0.50 is on no host", mends: ["restart"] });
    expect(second.filter((step) => step.drift.length > 0).map((step) => step.name)).toEqual([
      "bunny1 keepalived.service",
    ]);
    expect(keep(planSteps(model, new Map([["bunny1", new Map()]]), keep(second), key, "T3"))).toEqual(keep(second));
  });

  it("plans the return of a member that has left", () => {
    const left: HostDrifts = new Map([
      ["bunny2", new Map([["member of bunny", { differences: ["is not a member"], mends: [] }]])],
    ]);
    const member = planSteps(model, left, keep(first), key, "T2").find(
      (step) => step.name === "bunny2 member of bunny",
    );
    expect(member?.drift).toEqual(["is not a member"]);
  });

  it("does not report a change of the config as drift", () => {
    const config = fixtureConfig();
    const changed = fixtureModel({ ...config, announcements: { ...config.announcements, logLevel: "debug" } });
    const planned = planSteps(changed, bare, keep(first), key, "T2");
    const json = planned.find((step) => step.name === "pds-1 /etc/warren/puller.json");
    expect(json?.drift).toEqual([]);
    expect(json?.kept.digest).not.toBe(keep(first)["pds-1 /etc/warren/puller.json"]?.digest);
  });

  it("has no secret in any command or note", () => {
    const texts = first.flatMap((planned) => [
      render(planned.step.create),
      render(planned.step.renew),
      render(planned.step.repair),
      ...(planned.step.remove ? [render(planned.step.remove)] : []),
      ...stepNotes(planned),
      JSON.stringify(planned.kept),
    ]);
    expect(texts.join("\n")).not.toMatch(/of-the-tests|COOKIEOF/);
  });

  it("marks every standard input that contains a secret", () => {
    for (const { step } of first) {
      if (step.stdin && /of-the-tests|COOKIEOF/.test(step.stdin.text)) expect(step.stdin.secret).toBe(true);
    }
  });
});
