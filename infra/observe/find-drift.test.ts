import { describe, expect, it } from "vitest";
import type { Unreachable } from "../hosts/ask.ts";
import { fixtureConfig, fixtureModel } from "../model/fixture.ts";
import { brokerPackage } from "../model/names.ts";
import type { ClusterModel, HostModel } from "../model/types.ts";
import type { ClusterObservation, MemberView, Silent } from "./broker.ts";
import type { ObservedObjects } from "./broker-answer.ts";
import { findDrift } from "./find-drift.ts";
import { healthyCluster, healthyObjects } from "./fixture.ts";
import type { Observations } from "./index.ts";
import { managementHosts } from "./management-hosts.ts";
import type { Observation } from "./observation.ts";

const complete = fixtureModel();
const [cluster] = complete.clusters as [ClusterModel];
// Hosts reduced to their units; drift.test.ts covers files and packages.
const bare = (host: HostModel): HostModel => ({
  ...host,
  accounts: [],
  directories: [],
  files: host.files.filter((file) => file.path === "/etc/rabbitmq/enabled_plugins"),
  packages: [],
  artifacts: [],
});
const model = { ...complete, hosts: complete.hosts.filter((host) => host.name.startsWith("bunny")).map(bare) };
const vip = "10.203.0.50";

function observation(host: HostModel, addresses: readonly string[]): Observation {
  return {
    files: new Map(),
    accounts: new Set(),
    packages: new Map([[brokerPackage, { version: "3.10.8", installed: true, held: true }]]),
    units: new Map(host.units.map((unit) => [unit.name, { active: "active", file: "enabled" }])),
    addresses,
    listening: new Set([cluster.management.port]),
  };
}

interface Seen {
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly stopped?: string;
  readonly unreachable?: string;
  /** A host whose unit is active while nothing listens. */
  readonly notServing?: string;
  /** A host without the broker's package. */
  readonly uninstalled?: string;
  readonly views?: Readonly<Record<string, Partial<MemberView> | Silent>>;
}

function hostsSeen({ addresses = {}, stopped, unreachable, notServing, uninstalled }: Seen): Observations {
  const own = { bunny1: ["10.203.0.21", vip], bunny2: ["10.203.0.22"], ...addresses };
  return new Map(
    model.hosts.map((host): [string, Observation | Unreachable] => {
      if (host.name === unreachable) return [host.name, { unreachable: "timed out" }];
      const one = observation(host, own[host.name as keyof typeof own] ?? []);
      const units = new Map(one.units);
      const [name, unit] = stopped?.split(" ") ?? [];
      if (name === host.name && unit) units.set(unit, { active: "inactive", file: "enabled" });
      if (host.name === uninstalled) return [host.name, { ...one, packages: new Map() }];
      return [host.name, { ...one, units, ...(host.name === notServing ? { listening: new Set<number>() } : {}) }];
    }),
  );
}

function clusterSeen({ views = {} }: Seen): ClusterObservation {
  return new Map(
    [...healthyCluster(cluster)].map(([host, view]): [string, MemberView | Silent] => {
      const other = views[host];
      if (!other) return [host, view];
      return [host, "silent" in other ? other : { ...(view as MemberView), ...other }];
    }),
  );
}

// Without the plugins file, which is not observed here and would be missing on every host.
const found = (seen: Seen) => {
  const drift = findDrift(
    { ...model, hosts: model.hosts.map((host) => ({ ...host, files: [] })) },
    hostsSeen(seen),
    new Map([[cluster.name, clusterSeen(seen)]]),
  );
  const steps = [...drift.hosts].flatMap(([host, all]) =>
    [...all].map(([step, { differences, mends }]) =>
      [`${host} ${step}: ${differences.join("; ")}`, ...mends].join(" | "),
    ),
  );
  return { steps, warnings: drift.warnings, unmanaged: Object.fromEntries(drift.unmanaged) };
};
const silent = (reason: string): Silent => ({ silent: reason, loginRefused: false });
const node = (host: string, running = true) => ({ name: `rabbit@${host}`, running, plugins: ["rabbitmq_management"] });
const nothing = {
  users: [],
  permissions: [],
  topicPermissions: [],
  policies: [],
  operatorPolicies: [],
  vhostLimits: [],
  queues: [],
  exchanges: [],
  bindings: [],
  exchangeBindings: [],
};
const refused = { silent: "refuses the login of root", loginRefused: true };
const silence = (host: string, reason: string) => `${host}: the management API of bunny can't be used: ${reason}`;

describe("findDrift", () => {
  it("finds nothing if hosts and brokers match the model", () => {
    expect(found({})).toEqual({ steps: [], warnings: [], unmanaged: {} });
  });

  it.each<[string, Seen, string[], string[]]>([
    [
      "a node that is down in an active unit",
      { views: { bunny1: { nodes: [node("bunny1"), node("bunny2", false)] }, bunny2: silent("connect ECONNREFUSED") } },
      ["bunny2 rabbitmq-server.service: its node is down"],
      [silence("bunny2", "connect ECONNREFUSED")],
    ],
    [
      "a stopped unit, and nothing about its node",
      {
        stopped: "bunny2 rabbitmq-server.service",
        views: { bunny1: { nodes: [node("bunny1"), node("bunny2", false)] }, bunny2: silent("connect ECONNREFUSED") },
      },
      ["bunny2 rabbitmq-server.service: is inactive instead of active"],
      [silence("bunny2", "connect ECONNREFUSED")],
    ],
    [
      "nothing about a silent host that has no broker yet",
      { uninstalled: "bunny2", views: { bunny2: silent("connect ECONNREFUSED") } },
      [],
      [],
    ],
    [
      "a member that has left: the blank one of two separate nodes",
      { views: { bunny1: { nodes: [node("bunny1")] }, bunny2: { nodes: [node("bunny2")], objects: nothing } } },
      ["bunny2 member of bunny: is not a member"],
      [],
    ],
    [
      "a member that has left and is stopped, whose step follows its unit's",
      { notServing: "bunny2", views: { bunny1: { nodes: [node("bunny1")] }, bunny2: silent("connect ECONNREFUSED") } },
      ["bunny2 rabbitmq-server.service: its node is not serving"],
      [silence("bunny2", "connect ECONNREFUSED"), "bunny2 has drifted: member of bunny: is not a member"],
    ],
    [
      "a first member that has left",
      { views: { bunny1: { nodes: [node("bunny1")], objects: nothing }, bunny2: { nodes: [node("bunny2")] } } },
      ["bunny1 member of bunny: is not a member"],
      [],
    ],
    [
      "nothing about a blank node that is alone, while the node with all objects is silent",
      { views: { bunny1: silent("connect ECONNREFUSED"), bunny2: { nodes: [node("bunny2")], objects: nothing } } },
      [],
      [silence("bunny1", "connect ECONNREFUSED")],
    ],
    [
      "a broker that is not serving in an active unit, by its host if no member reports it",
      {
        notServing: "bunny2",
        views: { bunny1: silent("no answer within 1 s"), bunny2: silent("connect ECONNREFUSED") },
      },
      ["bunny2 rabbitmq-server.service: its node is not serving"],
      [silence("bunny1", "no answer within 1 s"), silence("bunny2", "connect ECONNREFUSED")],
    ],
    [
      "an administrator whose login is refused, once for all members",
      { views: { bunny1: refused, bunny2: refused } },
      ["bunny1 rabbitmq-server.service: refuses the login of root | login"],
      [silence("bunny1", refused.silent), silence("bunny2", refused.silent)],
    ],
    [
      "brokers that are all silent",
      { views: { bunny1: silent("no answer within 1 s"), bunny2: silent("no answer within 1 s") } },
      [],
      [silence("bunny1", "no answer within 1 s"), silence("bunny2", "no answer within 1 s")],
    ],
    [
      "a virtual IP on no host: keepalived of the best host is restarted",
      { addresses: { bunny1: ["10.203.0.21"] } },
      [`bunny1 keepalived.service: ${vip} is on no host | restart`],
      [],
    ],
    [
      "a virtual IP on no host, while the best host has other drift",
      { addresses: { bunny1: ["10.203.0.21"] }, stopped: "bunny1 rabbitmq-server.service" },
      [
        "bunny1 rabbitmq-server.service: is inactive instead of active",
        `bunny2 keepalived.service: ${vip} is on no host | restart`,
      ],
      [],
    ],
    [
      "nothing about a virtual IP while one of its hosts is unreachable",
      { addresses: { bunny1: ["10.203.0.21"] }, unreachable: "bunny2" },
      [],
      [],
    ],
    [
      "a virtual IP on two hosts",
      { addresses: { bunny2: ["10.203.0.22", vip] } },
      [],
      [`${vip} (bunny-op) is on 2 hosts: bunny1 and bunny2`],
    ],
  ])("finds %s", (_, seen, steps, warnings) => {
    expect(found(seen)).toEqual({ steps, warnings, unmanaged: {} });
  });

  it("finds lost bindings of the agents, and repairs them through the dispatcher on a host that answers", () => {
    const objects = (healthyCluster(cluster).get("bunny1") as MemberView).objects;
    const lost = { ...objects, bindings: objects.bindings.filter((one) => one.queue !== "cmc.urp.pull") };
    const { steps, warnings } = found({ views: { bunny1: { objects: lost }, bunny2: { objects: lost } } });
    expect(steps).toEqual([
      "bunny1 warren-dispatcher.service: binding of cmc.urp.pull to cmc: key v00.urp.notify.# is gone; binding of cmc.urp.pull to cmc: key v00.urp.twin.# is gone | declare",
    ]);
    expect(warnings).toEqual([]);
  });

  it("repairs a lost or different ledger only through its own dispatcher", () => {
    const objects = (healthyCluster(cluster).get("bunny1") as MemberView).objects;
    const queues = objects.queues.flatMap((queue) => {
      if (queue.name === "cmc.urp.ledger.bunny1") return [{ ...queue, arguments: { "x-message-ttl": 1000 } }];
      return queue.name === "cmc.urp.ledger.bunny2" ? [] : [queue];
    });
    const lost = { ...objects, queues };
    expect(found({ views: { bunny1: { objects: lost }, bunny2: { objects: lost } } }).steps).toEqual([
      "bunny1 warren-dispatcher.service: queue cmc.urp.ledger.bunny1: x-message-ttl 1000 instead of 7200000 | declare",
      "bunny2 warren-dispatcher.service: queue cmc.urp.ledger.bunny2: is gone | declare",
    ]);
  });

  it("makes the agents bind again to an exchange that is recreated", () => {
    const objects = (healthyCluster(cluster).get("bunny1") as MemberView).objects;
    const other = objects.exchanges.map((one) => (one.name === "cmc" ? { ...one, type: "fanout" } : one));
    const { steps, warnings } = found({ views: { bunny1: { objects: { ...objects, exchanges: other } } } });
    expect(steps).toEqual(["bunny1 warren-dispatcher.service: exchange cmc: type fanout instead of topic | declare"]);
    expect(warnings).toEqual(["bunny has drifted: exchange cmc: type fanout instead of topic"]);
  });

  it("restarts a receiver or bridge whose bindings or exchange are gone, but not before they existed", () => {
    const open = complete.clusters.find(({ name }) => name === "wxo-b1") as ClusterModel;
    const hosts = complete.hosts.filter(({ name }) => ["px-1", "wxo-b1"].includes(name));
    const seen = new Map(hosts.map((host) => [host.name, observation(host, [])]));
    const sound = (healthyCluster(open).get("wxo-b1") as MemberView).objects;
    const stepsOf = (by: Partial<MemberView["objects"]>) => {
      const views = [...healthyCluster(open)].map(([host, view]) => [
        host,
        { ...(view as MemberView), objects: { ...sound, ...by } },
      ]);
      const parts = hosts.map((host) => ({ ...bare(host), files: [], units: [] }));
      const brokers = new Map([[open.name, new Map(views as [string, MemberView][])]]);
      const drift = findDrift({ ...complete, hosts: parts, clusters: [open] }, seen, brokers);
      expect(drift.unmanaged.get("wxo-b1")).toBeUndefined();
      return [...drift.hosts].flatMap(([host, all]) =>
        [...all].map(([step, { mends }]) => `${host} ${step} | ${mends.join()}`),
      );
    };
    const receiver = "px-1 warren-receiver-urls.service | restart";
    const bridge = "wxo-b1 warren-bridge-sr3-posts.service | restart";
    expect(stepsOf({})).toEqual([]);
    const bindings = sound.bindings.filter(({ queue }) => queue !== "cmc.receiver.urls");
    expect(stepsOf({ bindings })).toEqual([receiver]);
    expect(stepsOf({ exchanges: sound.exchanges.filter(({ name }) => name !== "xs_sr3") })).toEqual([bridge]);
    expect(stepsOf({ queues: [], bindings: [] })).toEqual([]);
  });

  it("lists addresses and members that are not in the model", () => {
    const nodes = [node("bunny1"), node("bunny2"), node("hare")];
    const { unmanaged } = found({
      addresses: { bunny2: ["10.203.0.22", "192.0.2.7"] },
      views: { bunny1: { nodes }, bunny2: { nodes } },
    });
    expect(unmanaged).toEqual({ bunny: ["node rabbit@hare"], "hosts of virtual IPs": ["address 192.0.2.7 on bunny2"] });
  });

  it("finds limits that differ, which a step of the first member repairs, also for a user that is created again", () => {
    const stepsOf = (by: Partial<ObservedObjects>) => {
      const views = { bunny1: { objects: { ...healthyObjects(cluster), ...by } }, bunny2: silent("ECONNREFUSED") };
      return found({ views }).steps;
    };
    const wanted = `{"max-queues":${cluster.limits?.queuesMax}}`;
    expect(stepsOf({ vhostLimits: [] })).toEqual([`bunny1 limits of bunny: limits of vhost / {} instead of ${wanted}`]);
    const users = healthyObjects(cluster).users.filter(({ name }) => name !== "anonymous");
    expect(stepsOf({ users })).toEqual([
      'bunny1 limits of bunny: limits of user anonymous {} instead of {"max-channels":5000,"max-connections":2000}',
    ]);
  });

  it("says once that a user with the name of a role is somebody else's, with a remedy, before `up` takes it", () => {
    const lab4 = fixtureModel(fixtureConfig("lab4"));
    const roles = lab4.clusters.find(({ users }) => users.some(({ name }) => name === "puller")) as ClusterModel;
    const puller = { name: "puller", passwordHash: "24xU3n6SkypzHyr/Usi5TZ6KFE/O8951tn1NkLnrEndgVHr0" };
    const asOther = (objects: ObservedObjects): ObservedObjects => ({
      ...objects,
      users: objects.users.map((user) => (user.name === "puller" ? { ...user, ...puller } : user)),
    });
    const warningsOf = (objects: ObservedObjects, made: readonly string[]) =>
      findDrift({ ...lab4, hosts: [] }, new Map(), new Map([[roles.name, seenWith(objects)]]), {
        [roles.name]: { host: "bunny1", objects: made.map((name) => ["rabbitmq:index/user:User", name]) },
      }).warnings.filter((text) => text.includes("was not made by warren"));
    const seenWith = (objects: ObservedObjects) =>
      new Map([...healthyCluster(roles)].map(([host, view]) => [host, { ...(view as MemberView), objects }]));
    const objects = healthyObjects(roles);
    expect(warningsOf(asOther(objects), [])).toEqual([
      expect.stringMatching(/: user puller .*rename it.*warren:brokers\.\w+\.roles to false$/),
    ]);
    expect(warningsOf(objects, [])).toEqual([]);
    expect(warningsOf(asOther(objects), [`${roles.name} user puller`])).toEqual([]);
  });

  it("finds a plugin that is enabled but not running", () => {
    const nodes = [{ ...node("bunny1"), plugins: [] }, node("bunny2")];
    const drift = findDrift(
      model,
      hostsSeen({}),
      new Map([[cluster.name, clusterSeen({ views: { bunny1: { nodes } } })]]),
    );
    const unit = drift.hosts.get("bunny1")?.get("rabbitmq-server.service");
    expect(unit).toEqual({
      differences: [expect.stringMatching(/rabbitmq_management.* not running/)],
      mends: ["restart"],
    });
  });
});

describe("the member whose management API the engine uses", () => {
  const hosts = (seen: Seen, before: Record<string, string>) =>
    managementHosts(model, new Map([[cluster.name, clusterSeen(seen)]]), before);
  const down = silent("connect ECONNREFUSED");

  it.each<[string, Seen, Record<string, string>, string]>([
    ["is the first member", {}, {}, "bunny1"],
    ["is another member if the first is silent", { views: { bunny1: down } }, {}, "bunny2"],
    ["stays the other member when the first returns, so that nothing changes again", {}, { bunny: "bunny2" }, "bunny2"],
    ["stays the same if all are silent", { views: { bunny1: down, bunny2: down } }, { bunny: "bunny2" }, "bunny2"],
    ["is no member that was removed from the config", {}, { bunny: "hare" }, "bunny1"],
    [
      "is no blank node that is alone, while the node with all objects is silent",
      { views: { bunny1: down, bunny2: { nodes: [node("bunny2")], objects: nothing } } },
      {},
      "bunny1",
    ],
    [
      "is no member that has left the cluster",
      { views: { bunny1: { nodes: [node("bunny1")], objects: nothing }, bunny2: { nodes: [node("bunny2")] } } },
      { bunny: "bunny1" },
      "bunny2",
    ],
  ])("%s", (_, seen, before, expected) => {
    expect(hosts(seen, before)).toEqual({ bunny: expected, "wxo-b1": "wxo-b1" });
  });
});
