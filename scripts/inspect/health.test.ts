import { describe, expect, it } from "vitest";
import { awaitNoProblem, problemOf, problemWithout } from "./health.ts";
import type { Evidence } from "./snapshot/evidence.ts";
import { type Draft, moveTo, queueOf, soundEvidence, wordsOf } from "./verify/fixture.ts";

type Change = (evidence: Draft<Evidence>) => void;

const stop =
  (host: string, unit: string, active = "inactive"): Change =>
  (evidence) => {
    wordsOf(evidence, host).units[unit] = { active, sub: "start", restarts: 0, status: "waits" };
  };

describe("a cluster", () => {
  it.each(["lab", "lab4"])("of a sound %s lacks nothing", (stack) => {
    expect(problemOf(soundEvidence(stack))).toBeUndefined();
  });

  it.each<[string, string, Change]>([
    ["a broker is down", "broker runs", stop("bunny2", "rabbitmq-server.service")],
    ["a dispatcher is down", "dispatcher runs", stop("bunny3", "warren-dispatcher.service")],
    ["an agent has no broker yet", "puller runs", stop("pds-2", "warren-puller.service", "activating")],
    ["the address is elsewhere", "on the preferred host", (evidence) => moveTo(evidence, "bunny2")],
    [
      "a replica is behind",
      "queues are replicated",
      (evidence) => {
        queueOf(evidence, "cmc.urp.pull").inStep = ["rabbit@bunny1", "rabbit@bunny3"];
      },
    ],
    [
      "a member is parted",
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
  ])("is not whole where %s", (_, step, change) => {
    const evidence = soundEvidence();
    change(evidence);
    expect(problemOf(evidence)?.step).toBe(step);
  });

  it("is whole whatever radar servers make and whatever was put aside", () => {
    const evidence = soundEvidence();
    queueOf(evidence, evidence.chain.queues.dead).messages = 3;
    for (const urp of evidence.chain.urps) wordsOf(evidence, urp).newest = [];
    expect(problemOf(evidence)).toBeUndefined();
  });

  it("is not asked about hosts that nothing is done on", () => {
    const evidence = soundEvidence();
    stop("pds-2", "warren-puller.service")(evidence);
    expect(problemOf(evidence, { hosts: ["bunny1", "pds-1"] })).toBeUndefined();
    expect(problemOf(evidence, { hosts: ["pds-2"] })?.host).toBe("pds-2");
  });

  it("is whole with its address elsewhere where that was meant", () => {
    const evidence = soundEvidence();
    moveTo(evidence, "bunny2");
    expect(problemOf(evidence, { isMoved: true })).toBeUndefined();
  });
});

describe("a member can be spared", () => {
  it("while each quorum queue has a majority without it", () => {
    const evidence = soundEvidence("lab4");
    expect(problemWithout(evidence, "bunny1", "quorum")).toBeUndefined();
    queueOf(evidence, "cmc.urp.input").inStep = ["rabbit@bunny1", "rabbit@bunny2"];
    expect(problemWithout(evidence, "bunny1", "quorum")?.evidence).toContain(
      "cmc.urp.input has 3 replicas, and 1 in step",
    );
    expect(problemWithout(evidence, "bunny3", "quorum")).toBeUndefined();
  });

  it("while each mirrored queue has another mirror in step", () => {
    const evidence = soundEvidence("lab");
    expect(problemWithout(evidence, "bunny1", "mirrored")).toBeUndefined();
    queueOf(evidence, "cmc.urp.pull").inStep = ["rabbit@bunny1"];
    expect(problemWithout(evidence, "bunny1", "mirrored")?.step).toBe("can be spared");
    expect(problemWithout(evidence, "bunny2", "mirrored")).toBeUndefined();
  });

  it("is not asked of a queue with one replica, nor of a broker without others", () => {
    const evidence = soundEvidence("lab4");
    queueOf(evidence, "cmc.urp.dead").replicas = ["rabbit@bunny1"];
    queueOf(evidence, "cmc.urp.dead").inStep = ["rabbit@bunny1"];
    expect(problemWithout(evidence, "bunny1", "quorum")).toBeUndefined();
    expect(
      problemWithout({ ...evidence, chain: { ...evidence.chain, members: ["bunny1"] } }, "bunny1", "quorum"),
    ).toBeUndefined();
  });
});

describe("waiting for all to be whole", () => {
  it("takes two good looks in a row, and tells each lack once", async () => {
    const good = soundEvidence();
    const bad = soundEvidence();
    stop("bunny2", "rabbitmq-server.service")(bad);
    const looks = [bad, bad, good, bad, good, good];
    const told: string[] = [];
    const look = async () => looks.shift() ?? bad;
    const onLack = ({ step }: { step: string }) => told.push(step);
    expect(await awaitNoProblem(look, (evidence) => problemOf(evidence), { withinMs: 60_000, onLack })).toBeUndefined();
    expect(looks).toEqual([]);
    expect(told).toEqual(["broker runs"]);
  });

  it("says what is lacking when the time is over", async () => {
    const bad = soundEvidence();
    stop("bunny2", "rabbitmq-server.service")(bad);
    const lack = await awaitNoProblem(async () => bad, problemOf, { withinMs: 0, onLack: () => {} });
    expect(lack).toMatchObject({ host: "bunny2", step: "broker runs" });
  });

  it("ends with the signal's reason", async () => {
    const reason = new Error("interrupted");
    const signal = AbortSignal.abort(reason);
    await expect(
      awaitNoProblem(async () => soundEvidence(), problemOf, { withinMs: 1, signal, onLack: () => {} }),
    ).rejects.toBe(reason);
  });
});
