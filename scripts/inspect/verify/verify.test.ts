import { describe, expect, it } from "vitest";
import { cases } from "./cases.ts";
import { crashCases, crashes } from "./crash-cases.ts";
import { type Draft, healthOf, healthyEvidence, hostOf, queueOf } from "./fixture.ts";
import { steps, verify } from "./judge.ts";
import { laterCases } from "./later-cases.ts";
import { publicCases } from "./public-cases.ts";
import { formatVerification } from "./report.ts";

const all = [...cases, ...laterCases, ...publicCases, ...crashCases];
const options = { productAgeSeconds: 300 };

describe("verify", () => {
  it.each(["lab", "lab4"])("finds nothing on a healthy %s", (stack) => {
    const found = verify(healthyEvidence(stack), options);
    expect(found.steps.filter(({ verdict }) => verdict !== "good")).toEqual([]);
    expect(found).toMatchObject({ ok: true, firstBroken: null });
  });

  it.each(all.map((one) => [one.title, one] as const))("names the first broken link if %s", (_, one) => {
    const evidence = healthyEvidence(one.stack);
    one.change(evidence);
    const { ok, firstBroken } = verify(evidence, options);
    expect(ok).toBe(false);
    expect(firstBroken).toMatchObject({ host: one.host, id: one.step });
    expect(firstBroken?.evidence).toMatch(one.says);
    expect(firstBroken?.remedy).toMatch(one.remedy);
  });

  it("has a broken case for every step", () => {
    const covered = new Set(all.map(({ step }) => step));
    expect([...new Set(steps.map(({ id }) => id))].filter((id) => !covered.has(id))).toEqual([]);
  });

  it("judges every step on every host, regardless of broken links", () => {
    const evidence = healthyEvidence();
    const count = verify(evidence, options).steps.length;
    for (const name of Object.keys(evidence.hosts)) evidence.hosts[name] = { unreachable: "no route" };
    for (const name of evidence.chain.members) evidence.broker.members[name] = { silent: "no route" };
    const { queues: _, ...members } = evidence.broker;
    evidence.broker = members as Draft<typeof evidence.broker>;
    const found = verify(evidence, options);
    expect(found.steps).toHaveLength(count);
    expect(found.firstBroken).toMatchObject({ host: "urp-1", step: "host answers" });
  });

  it.each([
    ["36 a second are consumed and 20 published, so a pause is being made up", 36, 20, true],
    ["as many are published as consumed", 36, 36, false],
    ["it would take most of an hour", 21, 20, false],
  ])("judges a backlog of 2,776 announcements by its trend: %s", (_, acknowledged, published, isGood) => {
    const evidence = healthyEvidence();
    const waiting = { messages: 2776, ready: 2771, unacknowledged: 5 };
    Object.assign(queueOf(evidence, "cmc.urp.pull"), { ...waiting, acknowledged, published });
    const { firstBroken } = verify(evidence, options);
    expect(firstBroken?.step).toBe(isGood ? undefined : "announcements are consumed");
  });

  it("reports announcers without a broker as broken if all of bunny is healthy", () => {
    const evidence = healthyEvidence();
    for (const urp of evidence.chain.urps)
      hostOf(evidence, urp).agents.announcer = { health: healthOf(false, "CA", { connected: false }) };
    for (const pds of evidence.chain.pdses)
      hostOf(evidence, pds).agents.puller = { health: healthOf(false, "CA", { connected: false }) };
    expect(verify(evidence, options).firstBroken).toMatchObject({ host: "urp-1", step: "products are announced" });
  });

  it.each([
    ["it was restarted only twice", 2, 900, 0, "activating"],
    ["it has run for longer than ever between two restarts", 40, 900, 70_000, "active"],
    ["it was stopped on purpose", 40, 900, 0, "inactive"],
  ])("does not report a crash loop of an agent if %s", (_, count, everyMs, sinceMs, active) => {
    const evidence = healthyEvidence();
    crashes(evidence, "pds-1", "puller", count, everyMs);
    const host = hostOf(evidence, "pds-1");
    Object.assign(host.units["warren-puller.service"] ?? {}, { active });
    host.restarts = {
      "warren-puller.service": (host.restarts?.["warren-puller.service"] ?? []).map((at) => at - sinceMs),
    };
    const { steps: judged } = verify(evidence, options);
    const found = judged.filter(({ step, host: name }) => step === "keeps running" && name === "pds-1");
    expect(found).toMatchObject([{ verdict: "good" }]);
  });

  it("gives other programs the details of a crash loop", () => {
    const evidence = healthyEvidence();
    crashes(evidence, "pds-1", "puller", 40, 900);
    expect(verify(evidence, options).firstBroken).toMatchObject({
      ...{ host: "pds-1", step: "keeps running" },
      crash: {
        agent: "puller",
        unit: "warren-puller.service",
        restarts: 40,
        result: "exit-code",
        exitStatus: 1,
        heads: {},
      },
    });
  });

  it("does not report a long queue that moves as stuck", () => {
    const evidence = healthyEvidence();
    Object.assign(queueOf(evidence, "cmc.urp.input"), { messages: 20_000, ready: 18_000, acknowledged: 4000 });
    expect(verify(evidence, options).ok).toBe(true);
  });

  it("crashes with the link to repair first, or with no broken link", () => {
    const evidence = healthyEvidence();
    expect(formatVerification(verify(evidence, options), false)).toMatch(/\nno broken link\n$/);
    queueOf(evidence, "cmc.urp.dead").messages = 2;
    const lines = formatVerification(verify(evidence, options), false).trimEnd().split("\n");
    expect(lines.at(-2)).toBe("first broken link: bunny1, no dead letters: cmc.urp.dead holds 2");
    expect(lines.at(-1)).toMatch(/^remedy: /);
    expect(lines.filter((line) => /^\s+✗/.test(line))).toHaveLength(1);
  });
});
