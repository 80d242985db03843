import { describe, expect, it } from "vitest";
import { fixtureModel } from "../../../infra/model/fixture.ts";
import type { EnvironmentModel } from "../../../infra/model/types.ts";
import { type KeptSteps, planSteps } from "../../../infra/resources/plan.ts";
import { healthyEvidence, hostOf } from "../../inspect/verify/fixture.ts";
import { findChanges } from "./changes.ts";
import { problemsBefore, programProblem } from "./program-health.ts";

const model = fixtureModel();
const plan = (of: EnvironmentModel, kept: KeptSteps) => planSteps(of, new Map(), kept, "key", "T1");
const kept: KeptSteps = Object.fromEntries(plan(model, {}).map(({ name, kept: one }) => [name, one]));

function withBundle(name: string, sha256: string): EnvironmentModel {
  const changed = (hosts: EnvironmentModel["hosts"]) =>
    hosts.map((host) => ({
      ...host,
      artifacts: host.artifacts.map((one) => (one.name === name ? { ...one, sha256, installedSha256: sha256 } : one)),
    }));
  return { ...model, hosts: changed(model.hosts) };
}

describe("finding program changes", () => {
  it("finds nothing after an up", () => {
    expect(findChanges(model, plan(model, kept), kept)).toEqual({ changes: [], others: [] });
  });

  it("finds a new bundle on each host that runs it, with the digest that up will compute", () => {
    const next = withBundle("puller", "9".repeat(64));
    const planned = plan(next, kept);
    const { changes, others } = findChanges(next, planned, kept);
    expect(others).toEqual([]);
    expect(changes.map(({ host }) => host)).toEqual(["pds-1", "pds-2", "pds-3", "pds-4", "pds-5"]);
    const [first] = changes;
    expect(first).toMatchObject({ unit: "warren-puller.service", programs: [{ name: "puller" }] });
    expect(first?.digest).toBe(planned.find(({ name }) => name === "pds-1 warren-puller.service")?.kept.digest);
  });

  it("finds a unit that went back to its previous program in an up, whether the program has changed since or not", () => {
    const bad = withBundle("puller", "9".repeat(64));
    const program = "pds-1 /opt/warren/agents/puller.mjs";
    const ofBad = plan(bad, kept).find(({ name }) => name === program)?.kept;
    const after = { ...kept, ...(ofBad ? { [program]: ofBad } : {}) };
    const again = findChanges(bad, plan(bad, after), after);
    expect(again.others).toEqual([]);
    expect(again.changes.map(({ host, programs }) => [host, programs.map(({ name }) => name)])).toEqual([
      ["pds-1", ["node", "puller"]],
      ...["pds-2", "pds-3", "pds-4", "pds-5"].map((host) => [host, ["puller"]]),
    ]);
    const former = findChanges(model, plan(model, after), after);
    expect(former).toMatchObject({ changes: [{ host: "pds-1", programs: [{ name: "puller" }] }], others: [] });
    expect(former.changes[0]?.digest).toBe(kept["pds-1 warren-puller.service"]?.digest);
  });

  it("ignores a changed config, and leaves a unit that reads both to up", () => {
    const next = withBundle("puller", "9".repeat(64));
    const hosts = next.hosts.map((host) => ({
      ...host,
      files: host.files.map((file) =>
        host.name === "pds-1" && file.path === "/etc/warren/puller.json" ? { ...file, content: "{}" } : file,
      ),
    }));
    const other = { ...next, hosts };
    expect(findChanges(other, plan(other, kept), kept).others).toEqual([
      "pds-1 /etc/warren/puller.json",
      "pds-1 warren-puller.service",
    ]);
  });
});

describe("a host with a new program", () => {
  const turn = { host: "pds-2", units: ["warren-puller.service"], isMember: false };
  const puller = "warren-puller.service";

  it("is healthy if nothing is broken that was not before", () => {
    const before = healthyEvidence();
    const silent = hostOf(before, "pds-1").agents.puller;
    if (silent?.health) silent.health.ok = false;
    expect(programProblem(before, turn, problemsBefore(before))).toBeUndefined();
  });

  it("is not healthy if it exits by itself, reports a problem, or does not answer", () => {
    const ended = healthyEvidence();
    hostOf(ended, "pds-2").units[puller] = { active: "active", sub: "running", restarts: 1, status: "" };
    expect(programProblem(ended, turn, new Set())?.evidence).toContain("exited by itself; restarts: 1");
    const ill = healthyEvidence();
    hostOf(ill, "pds-2").agents.puller = { health: { ok: false, text: "can't write", spooled: 0 } };
    expect(programProblem(ill, turn, new Set())).toMatchObject({ step: "puller is healthy", evidence: "can't write" });
    const silent = healthyEvidence();
    hostOf(silent, "pds-2").agents.puller = { silent: "refused" };
    expect(programProblem(silent, turn, new Set())?.evidence).toContain("refused");
  });
});
