import { describe, expect, it } from "vitest";
import { awaitNoProblem, problemOf, problemWithout } from "./health.ts";
import type { Evidence } from "./snapshot/evidence.ts";
import { type Draft, healthyEvidence, hostOf, moveTo, queueOf } from "./verify/fixture.ts";

type Change = (evidence: Draft<Evidence>) => void;

const stop =
  (host: string, unit: string, active = "inactive"): Change =>
  (evidence) => {
    hostOf(evidence, host).units[unit] = { active, sub: "start", restarts: 0, status: "waits" };
  };

describe("a cluster", () => {
  it.each(["lab", "lab4"])("of a healthy %s has no problem", (stack) => {
    expect(problemOf(healthyEvidence(stack))).toBeUndefined();
  });

  it.each<[string, string, Change]>([
    ["a broker is down", "broker runs", stop("bunny2", "rabbitmq-server.service")],
    ["a dispatcher is down", "dispatcher runs", stop("bunny3", "warren-dispatcher.service")],
    ["an agent has no broker yet", "puller runs", stop("pds-2", "warren-puller.service", "activating")],
    ["the address is elsewhere", "virtual IP on its preferred host", (evidence) => moveTo(evidence, "bunny2")],
    [
      "a replica is behind",
      "queues are replicated",
      (evidence) => {
        queueOf(evidence, "cmc.urp.pull").inStep = ["rabbit@bunny1", "rabbit@bunny3"];
      },
    ],
    [
      "a member is partitioned",
      "members are together",
      (evidence) => {
        const view = evidence.broker.members.bunny1;
        const node = view && "nodes" in view ? view.nodes[1] : undefined;
        if (node) node.partitions = ["rabbit@bunny3"];
      },
    ],
    [
      "there is an alarm",
      "no alarm",
      (evidence) => {
        for (const view of Object.values(evidence.broker.members)) {
          const node = view && "nodes" in view ? view.nodes[0] : undefined;
          if (node) node.memoryAlarm = true;
        }
      },
    ],
  ])("is not healthy if %s", (_, step, change) => {
    const evidence = healthyEvidence();
    change(evidence);
    expect(problemOf(evidence)?.step).toBe(step);
  });

  it("is healthy regardless of products and dead letters", () => {
    const evidence = healthyEvidence();
    queueOf(evidence, evidence.chain.queues.dead).messages = 3;
    for (const urp of evidence.chain.urps) hostOf(evidence, urp).newest = [];
    expect(problemOf(evidence)).toBeUndefined();
  });

  it("is judged only by the given hosts", () => {
    const evidence = healthyEvidence();
    stop("pds-2", "warren-puller.service")(evidence);
    expect(problemOf(evidence, { hosts: ["bunny1", "pds-1"] })).toBeUndefined();
    expect(problemOf(evidence, { hosts: ["pds-2"] })?.host).toBe("pds-2");
  });

  it("is healthy with its address elsewhere on purpose", () => {
    const evidence = healthyEvidence();
    moveTo(evidence, "bunny2");
    expect(problemOf(evidence, { isMoved: true })).toBeUndefined();
  });
});

describe("a member can be spared", () => {
  it("while each quorum queue has a majority without it", () => {
    const evidence = healthyEvidence("lab4");
    expect(problemWithout(evidence, "bunny1", "quorum")).toBeUndefined();
    queueOf(evidence, "cmc.urp.input").inStep = ["rabbit@bunny1", "rabbit@bunny2"];
    expect(problemWithout(evidence, "bunny1", "quorum")?.evidence).toContain(
      "cmc.urp.input has 3 replicas, of which 1 are in step",
    );
    expect(problemWithout(evidence, "bunny3", "quorum")).toBeUndefined();
  });

  it("while each mirrored queue has another mirror in step", () => {
    const evidence = healthyEvidence("lab");
    expect(problemWithout(evidence, "bunny1", "mirrored")).toBeUndefined();
    queueOf(evidence, "cmc.urp.pull").inStep = ["rabbit@bunny1"];
    expect(problemWithout(evidence, "bunny1", "mirrored")?.step).toBe("cluster can spare it");
    expect(problemWithout(evidence, "bunny2", "mirrored")).toBeUndefined();
  });

  it("regardless of a queue with one replica, and of a broker with one member", () => {
    const evidence = healthyEvidence("lab4");
    queueOf(evidence, "cmc.urp.dead").replicas = ["rabbit@bunny1"];
    queueOf(evidence, "cmc.urp.dead").inStep = ["rabbit@bunny1"];
    expect(problemWithout(evidence, "bunny1", "quorum")).toBeUndefined();
    expect(
      problemWithout({ ...evidence, chain: { ...evidence.chain, members: ["bunny1"] } }, "bunny1", "quorum"),
    ).toBeUndefined();
  });
});

describe("waiting for a healthy system", () => {
  it("needs two good checks in a row, and reports each problem once", async () => {
    const good = healthyEvidence();
    const bad = healthyEvidence();
    stop("bunny2", "rabbitmq-server.service")(bad);
    const snapshots = [bad, bad, good, bad, good, good];
    const reported: string[] = [];
    const snapshot = async () => snapshots.shift() ?? bad;
    const onProblem = ({ step }: { step: string }) => reported.push(step);
    expect(
      await awaitNoProblem(snapshot, (evidence) => problemOf(evidence), { withinMs: 60_000, onProblem }),
    ).toBeUndefined();
    expect(snapshots).toEqual([]);
    expect(reported).toEqual(["broker runs"]);
  });

  it("returns the problem that is left when the time is over", async () => {
    const bad = healthyEvidence();
    stop("bunny2", "rabbitmq-server.service")(bad);
    const problem = await awaitNoProblem(async () => bad, problemOf, { withinMs: 0, onProblem: () => {} });
    expect(problem).toMatchObject({ host: "bunny2", step: "broker runs" });
  });

  it("stops with the signal's reason", async () => {
    const reason = new Error("interrupted");
    const signal = AbortSignal.abort(reason);
    await expect(
      awaitNoProblem(async () => healthyEvidence(), problemOf, { withinMs: 1, signal, onProblem: () => {} }),
    ).rejects.toBe(reason);
  });
});
