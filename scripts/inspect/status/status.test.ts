import { describe, expect, it } from "vitest";
import type { Evidence } from "../snapshot/evidence.ts";
import { type Draft, healthyEvidence, hostOf, queueOf } from "../verify/fixture.ts";
import { agentStatuses } from "./agents.ts";
import { formatStatus, hasFindings, statusOf } from "./screen.ts";

/** Two snapshots, two seconds apart, between which each radar server announced 60 products, and the other agents handled as many. */
function snapshots(): { before: Draft<Evidence>; now: Draft<Evidence> } {
  const before = healthyEvidence();
  const now = healthyEvidence();
  for (const [evidence, total] of [
    [before, 100],
    [now, 160],
  ] as const) {
    for (const urp of evidence.chain.urps)
      count(evidence, urp, "announcer", {
        announced_total: total,
        announce_latency_seconds_sum: total / 64,
        announce_latency_seconds_count: total,
      });
    for (const host of evidence.chain.dispatchers)
      count(evidence, host, "dispatcher", { 'dispatched_total{source="urp-1"}': host === "bunny1" ? total : 0 });
    for (const pds of evidence.chain.pdses) count(evidence, pds, "puller", { pulled_total: total });
  }
  for (const name of Object.keys(now.hosts)) hostOf(now, name).nowMs += 2000;
  return { before, now };
}

function count(evidence: Draft<Evidence>, host: string, agent: string, samples: Record<string, number>): void {
  const found = hostOf(evidence, host).agents[agent];
  if (!found) throw new TypeError(`no ${agent} on ${host}`);
  const named = Object.entries(samples).map(([name, value]) => [`warren_${agent}_${name}`, value] as const);
  found.metrics = { ...found.metrics, ...Object.fromEntries(named) };
}

const wordsNow = ({ now, before }: ReturnType<typeof snapshots>) =>
  Object.fromEntries(agentStatuses(now, before).map(({ host, word }) => [host, word]));

describe("status", () => {
  it("shows that all agents of a healthy system run, at which rate, and which ones wait for the virtual IP", () => {
    const { now, before } = snapshots();
    const agents = agentStatuses(now, before);
    expect(agents.find(({ host }) => host === "urp-1")).toMatchObject({
      word: "run",
      perSecond: 30,
      meanSeconds: 1 / 64,
    });
    expect(agents.map(({ host, word }) => `${host} ${word}`).filter((text) => !text.endsWith("run"))).toEqual([
      "bunny2 wVip",
      "bunny3 wVip",
    ]);
    expect(hasFindings(statusOf(now, before, new Date()))).toBe(false);
  });

  it.each<[string, string, string, (now: Draft<Evidence>) => void]>([
    [
      "stop",
      "pds-1",
      "a unit that is down",
      (now) => {
        hostOf(now, "pds-1").units["warren-puller.service"] = {
          active: "failed",
          sub: "failed",
          restarts: 0,
          status: "",
        };
      },
    ],
    [
      "hung",
      "pds-2",
      "an agent that doesn't answer",
      (now) => {
        hostOf(now, "pds-2").agents.puller = { silent: "no answer in time" };
      },
    ],
    [
      "part",
      "urp-2",
      "an agent without a broker",
      (now) => {
        const health = { ok: false, text: "3 waiting", connectionTo: "broker", connected: false } as const;
        hostOf(now, "urp-2").agents.announcer = { health };
      },
    ],
    ["reje", "pds-3", "an agent that dead-letters", (now) => count(now, "pds-3", "puller", { dead_lettered_total: 1 })],
    [
      "rtry",
      "pds-4",
      "an agent that retries",
      (now) => count(now, "pds-4", "puller", { 'retries_total{cause="http"}': 2 }),
    ],
    [
      "lag",
      "bunny1",
      "a queue that takes more than ten seconds",
      (now) => Object.assign(queueOf(now, "cmc.urp.input"), { messages: 900, ready: 900 }),
    ],
    [
      "slow",
      "pds-5",
      "products that take more than five seconds",
      (now) => count(now, "pds-5", "puller", { pull_duration_seconds_sum: 60, pull_duration_seconds_count: 10 }),
    ],
    [
      "idle",
      "urp-1",
      "an agent with nothing to do",
      (now) => count(now, "urp-1", "announcer", { announced_total: 100 }),
    ],
    [
      "away",
      "pds-1",
      "a host that is dead",
      (now) => {
        now.hosts["pds-1"] = { unreachable: "no route" };
      },
    ],
  ])("shows %s on %s for %s", (word, host, _, change) => {
    const both = snapshots();
    change(both.now);
    expect(wordsNow(both)[host]).toBe(word);
    expect(hasFindings(statusOf(both.now, both.before, new Date()))).toBe(word !== "idle");
  });

  it("counts from 0 after a restart between two snapshots", () => {
    const both = snapshots();
    count(both.now, "pds-1", "puller", { pulled_total: 3 });
    expect(agentStatuses(both.now, both.before).find(({ host }) => host === "pds-1")).toMatchObject({ perSecond: 0 });
  });

  it("fits on one screen of eighty columns", () => {
    const { now, before } = snapshots();
    const lines = formatStatus(statusOf(now, before, new Date(0)), false, 80)
      .trimEnd()
      .split("\n");
    expect(lines[0]).toBe("stack lab4  1970-01-01 00:00:00 UTC  10.203.4.50 on bunny1");
    expect(lines.length).toBeLessThan(40);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});
