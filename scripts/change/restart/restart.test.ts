import { describe, expect, it } from "vitest";
import { render } from "../../../infra/commands/command.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { chainOf } from "../../inspect/snapshot/chain.ts";
import { actionsOf } from "./actions.ts";
import { planHostSteps } from "./plan.ts";
import { otherSteps, parseInvocations, type RestartRecord, restartRecord, stepState, unitsLeft } from "./progress.ts";

const chain = chainOf("lab4", fixtureConfig("lab4"));
const membership = { host: "bunny1", others: ["bunny2", "bunny3"], earlier: [], quorum: true };
const memberUnits = ["rabbitmq-server.service", "keepalived.service", "warren-dispatcher.service"];

describe("the order of a restart", () => {
  it("is pullers, radar servers, then brokers in reverse order of preference, the holder of the virtual IP last", () => {
    const hosts = planHostSteps(chain, "bunny2", {}).map(({ host }) => host);
    expect(hosts).toEqual([
      "pds-1",
      "pds-2",
      "pds-3",
      "pds-4",
      "pds-5",
      "urp-1",
      "urp-2",
      "px-1",
      "wxo-b1",
      "bunny3",
      "bunny1",
      "bunny2",
    ]);
  });

  it("has the preferred member last if no host holds the address", () => {
    expect(planHostSteps(chain, undefined, { services: ["broker"] }).map(({ host }) => host)).toEqual([
      "bunny3",
      "bunny2",
      "bunny1",
    ]);
  });

  it("has each host once, with its chosen units", () => {
    expect(planHostSteps(chain, "bunny1", { hosts: ["bunny1", "pds-1"], services: ["keepalived", "broker"] })).toEqual([
      { host: "bunny1", units: ["rabbitmq-server.service", "keepalived.service"], isMember: true },
    ]);
    expect(planHostSteps(chain, "bunny1", { hosts: ["bunny1"] })).toEqual([
      { host: "bunny1", units: memberUnits, isMember: true },
    ]);
  });

  it("leaves out servers that carry no announcements, and the broker of another cluster", () => {
    const found = planHostSteps(chainOf("lab", fixtureConfig("lab")), "bunny1", {});
    const ofDataServer = found.find(({ host }) => host === "wxo-b1");
    const agents = ["bridge-sr3-posts", "watcher", "queue-manager"].map((name) => `warren-${name}.service`);
    expect(ofDataServer?.units).toEqual(agents);
    expect(found.flatMap(({ units }) => units)).not.toContain("apache2.service");
    expect(found.flatMap(({ units }) => units)).not.toContain("vsftpd.service");
    expect(found.map(({ host }) => host)).not.toContain("ldap-1");
  });

  it("is refused for an unknown host, and if nothing is chosen", () => {
    expect(() => planHostSteps(chain, "bunny1", { hosts: ["bunny9"] })).toThrow(/is not a host of the stack/);
    expect(() => planHostSteps(chain, "bunny1", { hosts: ["pds-1"], services: ["broker"] })).toThrow(
      /none of these hosts has/,
    );
  });
});

describe("the actions on a host", () => {
  it("stop the dispatcher before the broker on the same host, and start it afterwards", () => {
    expect(actionsOf("bunny1", memberUnits, membership).map(({ title }) => title)).toEqual([
      "stops dispatcher",
      "restarts rabbitmq-server",
      "restarts keepalived",
      "restarts dispatcher",
    ]);
    expect(actionsOf("bunny1", ["warren-dispatcher.service"], membership)).toHaveLength(1);
  });

  it("restart a broker only between two waits for the replicas of all queues", () => {
    const [broker] = actionsOf("bunny1", ["rabbitmq-server.service"], membership);
    const script = render(broker?.command ?? { kind: "run", argv: [] });
    const [first, restart, second] = [...script.matchAll(/info_all|systemctl restart|await_startup/g)].map(String);
    expect([first, restart, second]).toEqual(["info_all", "systemctl restart", "await_startup"]);
    expect(script.lastIndexOf("info_all")).toBeGreaterThan(script.indexOf("await_startup"));
  });
});

describe("a restart that was interrupted", () => {
  const turn = { host: "bunny1", units: memberUnits, isMember: true };
  const before = Object.fromEntries(memberUnits.map((unit) => [unit, `old-${unit}`]));
  const record: RestartRecord = { startedAt: "", turns: [turn], done: [] };

  it("has a host to do, half way once it has begun, done when the system has recovered", () => {
    expect(stepState(turn, record)).toBe("to do");
    expect(stepState(turn, { ...record, begun: { host: "bunny1", before } })).toBe("half way");
    expect(stepState(turn, { ...record, begun: { host: "bunny2", before } })).toBe("to do");
    expect(stepState(turn, { ...record, done: ["bunny1"] })).toBe("done");
  });

  it("continues with units that have not been restarted yet, or don't run", () => {
    expect(unitsLeft(turn, before, before)).toEqual(memberUnits);
    const now = { ...before, "rabbitmq-server.service": "new", "warren-dispatcher.service": "" };
    expect(unitsLeft(turn, before, now)).toEqual(["keepalived.service", "warren-dispatcher.service"]);
  });

  it("restarts nothing if all units were restarted, but the system has not recovered yet", () => {
    const now = Object.fromEntries(memberUnits.map((unit) => [unit, `new-${unit}`]));
    expect(unitsLeft(turn, before, now)).toEqual([]);
    expect(actionsOf("bunny1", [], membership)).toEqual([]);
  });

  it("differs from a restart of other units", () => {
    expect(otherSteps(record, [turn])).toBeUndefined();
    expect(otherSteps(record, [{ ...turn, units: ["keepalived.service"] }])).toBe(
      "bunny1 rabbitmq-server+keepalived+dispatcher",
    );
  });

  it("is recorded and read back unchanged", () => {
    const begun = { ...record, begun: { host: "bunny1", before }, movedFrom: "bunny1", done: ["pds-1"] };
    expect(restartRecord.parse(JSON.parse(JSON.stringify(begun)))).toEqual(begun);
  });

  it("reads the invocations of units from systemd, and none for a unit that doesn't run", () => {
    const blocks =
      "Id=a.service\nActiveState=active\nInvocationID=17\n\nId=b.service\nActiveState=failed\nInvocationID=9";
    expect(parseInvocations(blocks)).toEqual({ "a.service": "17", "b.service": "" });
  });
});
