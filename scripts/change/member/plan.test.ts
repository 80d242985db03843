import { describe, expect, it } from "vitest";
import type { Evidence } from "../../inspect/snapshot/evidence.ts";
import { type Draft, healthyEvidence, queueOf } from "../../inspect/verify/fixture.ts";
import { type Facts, planReplace, type ReplaceOptions } from "./plan.ts";

const oldKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const newKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDk4eWjPVkSOVOUZHQ2hGDSPNgZG2NBpNpNxPzqf3Mn4";
const members = ["bunny1", "bunny2", "bunny3"];

/** A snapshot some seconds after the host with the virtual IP has failed. */
function deadEvidence(host: string): Draft<Evidence> {
  const evidence = healthyEvidence("lab4");
  const node = `rabbit@${host}`;
  evidence.hosts[host] = { unreachable: "Connection timed out" };
  if (!members.includes(host)) return evidence;
  evidence.broker.members[host] = { silent: "no answer" };
  for (const view of Object.values(evidence.broker.members)) {
    if (!("nodes" in view)) continue;
    for (const one of view.nodes) if (one.name === node) one.running = false;
  }
  for (const queue of Object.values(evidence.broker.queues ?? {})) {
    queue.inStep = queue.inStep.filter((name) => name !== node);
  }
  const [next = ""] = evidence.chain.members.filter((member) => member !== host);
  const words = evidence.hosts[next];
  if (words && "agents" in words) {
    words.addresses.push(evidence.chain.vip?.address ?? "");
    words.agents.dispatcher = { health: { ok: true, text: "active", state: "active" } };
  }
  return evidence;
}

function factsOf(host: string, more: Partial<Facts> = {}): Facts {
  return {
    ...{ stack: "op", host, address: "10.203.4.21", formerAddress: "10.203.4.21", isAdopted: false },
    ...{ members: members.includes(host) ? members : [], replication: "quorum", evidence: deadEvidence(host) },
    ...{ state: { unreachable: "Host key verification failed" }, pinnedKey: oldKey, offeredKey: newKey },
    ...more,
  };
}

const options: ReplaceOptions = { hostKey: undefined, evenIfItAnswers: false, cannotAsk: false, isResumed: false };
const answers = { state: { isBare: false, dispatcher: "active", journalFiles: 1 }, offeredKey: oldKey };

describe("a dead member that held the virtual IP", () => {
  it("is removed from the cluster before journal and up, and its new key is asked for", () => {
    const plan = planReplace(factsOf("bunny1"), options);
    expect(plan.refusals).toEqual([]);
    expect(plan.steps).toEqual(["pin", "forget", "journal", "up", "whole"]);
    expect(plan.others).toEqual(["bunny2", "bunny3"]);
    expect(plan).toMatchObject({ asksForKey: true, pin: { key: newKey, address: undefined } });
  });

  it("needs no pin if the key is already known, and no confirmation if the key is given", () => {
    expect(planReplace(factsOf("bunny1", { pinnedKey: newKey }), options).steps).not.toContain("pin");
    const given = planReplace(factsOf("bunny1"), { ...options, hostKey: newKey, cannotAsk: true });
    expect(given).toMatchObject({ asksForKey: false, pin: { key: newKey }, refusals: [] });
  });

  it("gets its new address pinned with the key", () => {
    const plan = planReplace(factsOf("bunny1", { address: "10.203.4.29", pinnedKey: newKey }), options);
    expect(plan).toMatchObject({ asksForKey: false, pin: { key: newKey, address: "10.203.4.29" } });
  });
});

it("replaces a puller's host with up alone, and lists its receiver queue as lost", () => {
  const plan = planReplace(factsOf("pds-1", { pinnedKey: newKey }), options);
  expect(plan).toMatchObject({ steps: ["up", "whole"], refusals: [] });
  expect(plan.lost.join()).toContain("receiver queue");
});

it("names a queue that had its only replica on the dead host, with its message count", () => {
  const facts = factsOf("bunny2");
  const queue = queueOf(facts.evidence as Draft<Evidence>, "cmc.urp.dead");
  Object.assign(queue, { replicas: ["rabbit@bunny2"], inStep: [], messages: 7 });
  expect(planReplace(facts, options).lost.join("; ")).toContain(
    "cmc.urp.dead with 7 messages, which had no other replica",
  );
});

describe("a replacement is refused", () => {
  it.each<[string, RegExp, Partial<Facts>, Partial<ReplaceOptions>]>([
    ["the old host answers", /answers at 10.203.4.21, and is not a new host/, answers, {}],
    ["the new host does not answer", /does not answer by ssh/, { offeredKey: undefined }, {}],
    ["the key differs from the given one", /but --host-key is SHA256:/, {}, { hostKey: oldKey }],
    ["the key can't be confirmed", /which has not been compared yet/, {}, { cannotAsk: true }],
    ["its services were set up by hand", /set up by hand/, { isAdopted: true }, {}],
    ["a cluster of two can't work with one member", /the cluster can't work/, { members: ["bunny1", "bunny2"] }, {}],
  ])("if %s", (_why, refusal, facts, more) => {
    const { refusals } = planReplace(factsOf("bunny1", facts), { ...options, ...more });
    expect(refusals.map(({ what }) => what).join("; ")).toMatch(refusal);
  });

  it("if another member is down as well", () => {
    const evidence = deadEvidence("bunny1");
    evidence.hosts.bunny3 = { unreachable: "Connection timed out" };
    const [refusal] = planReplace(factsOf("bunny1", { evidence }), options).refusals;
    expect(refusal?.what).toMatch(/^the other hosts are not healthy: bunny3, host answers/);
  });

  it("if a queue has only one replica left", () => {
    const evidence = deadEvidence("bunny1");
    queueOf(evidence, "cmc.urp.pull").inStep = ["rabbit@bunny2"];
    const [refusal] = planReplace(factsOf("bunny1", { evidence }), options).refusals;
    expect(refusal?.what).toContain("cmc.urp.pull");
  });
});

it("stops an old host that answers if the user says so; a continued replacement expects its new host to answer", () => {
  expect(planReplace(factsOf("bunny1", answers), { ...options, evenIfItAnswers: true })).toMatchObject({
    refusals: [],
    steps: ["stand-down", "forget", "journal", "up", "whole"],
  });
  expect(planReplace(factsOf("bunny1", answers), { ...options, isResumed: true }).refusals).toEqual([]);
});
