import { describe, expect, it } from "vitest";
import type { Unreachable } from "../hosts/ask.ts";
import { fixtureModel } from "../model/fixture.ts";
import { brokerPackage } from "../model/names.ts";
import type { ClusterModel, HostModel } from "../model/types.ts";
import type { ClusterObservation, MemberView, Silent } from "./broker.ts";
import { findDrift } from "./find-drift.ts";
import { soundCluster } from "./fixture.ts";
import type { Observations } from "./index.ts";
import { managementHosts } from "./management-hosts.ts";
import type { Observation } from "./observation.ts";

const whole = fixtureModel();
const [cluster] = whole.clusters as [ClusterModel];
// Hosts of which nothing but these units is wanted: what hosts say of files and packages is another test's.
const bare = (host: HostModel): HostModel => ({
  ...host,
  accounts: [],
  directories: [],
  files: host.files.filter((file) => file.path === "/etc/rabbitmq/enabled_plugins"),
  packages: [],
  artifacts: [],
});
const model = { ...whole, hosts: whole.hosts.filter((host) => host.name.startsWith("bunny")).map(bare) };
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
  /** Its unit runs, and nothing listens. */
  readonly deaf?: string;
  /** The broker's package isn't there yet. */
  readonly uninstalled?: string;
  readonly views?: Readonly<Record<string, Partial<MemberView> | Silent>>;
}

function hostsSeen({ addresses = {}, stopped, unreachable, deaf, uninstalled }: Seen): Observations {
  const own = { bunny1: ["10.203.0.21", vip], bunny2: ["10.203.0.22"], ...addresses };
  return new Map(
    model.hosts.map((host): [string, Observation | Unreachable] => {
      if (host.name === unreachable) return [host.name, { unreachable: "timed out" }];
      const one = observation(host, own[host.name as keyof typeof own] ?? []);
      const units = new Map(one.units);
      const [name, unit] = stopped?.split(" ") ?? [];
      if (name === host.name && unit) units.set(unit, { active: "inactive", file: "enabled" });
      if (host.name === uninstalled) return [host.name, { ...one, packages: new Map() }];
      return [host.name, { ...one, units, ...(host.name === deaf ? { listening: new Set<number>() } : {}) }];
    }),
  );
}

function clusterSeen({ views = {} }: Seen): ClusterObservation {
  return new Map(
    [...soundCluster(cluster)].map(([host, view]): [string, MemberView | Silent] => {
      const other = views[host];
      if (!other) return [host, view];
      return [host, "silent" in other ? other : { ...(view as MemberView), ...other }];
    }),
  );
}

// The file of plugins is wanted but not observed: it would be missing on every host.
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
  policies: [],
  operatorPolicies: [],
  queues: [],
  exchanges: [],
  bindings: [],
};
const refused = { silent: "refuses the login of root", loginRefused: true };
const silence = (host: string, reason: string) => `${host}: the management API of bunny can't be asked: ${reason}`;

describe("findDrift", () => {
  it("finds nothing where hosts and brokers are as they should be", () => {
    expect(found({})).toEqual({ steps: [], warnings: [], unmanaged: {} });
  });

  it.each<[string, Seen, string[], string[]]>([
    [
      "a node that is down in a unit that runs",
      { views: { bunny1: { nodes: [node("bunny1"), node("bunny2", false)] }, bunny2: silent("connect ECONNREFUSED") } },
      ["bunny2 rabbitmq-server.service: its node is down"],
      [silence("bunny2", "connect ECONNREFUSED")],
    ],
    [
      "a unit that was stopped, of which its node's silence follows",
      {
        stopped: "bunny2 rabbitmq-server.service",
        views: { bunny1: { nodes: [node("bunny1"), node("bunny2", false)] }, bunny2: silent("connect ECONNREFUSED") },
      },
      ["bunny2 rabbitmq-server.service: is inactive instead of active"],
      [silence("bunny2", "connect ECONNREFUSED")],
    ],
    [
      "nothing of the silence of a host that has no broker yet",
      { uninstalled: "bunny2", views: { bunny2: silent("connect ECONNREFUSED") } },
      [],
      [],
    ],
    [
      "a member that has left: the blank one of two that are alone",
      { views: { bunny1: { nodes: [node("bunny1")] }, bunny2: { nodes: [node("bunny2")], objects: nothing } } },
      ["bunny2 member of bunny: is not a member"],
      [],
    ],
    [
      "a member that has left and was not started again: its step follows its unit's",
      { deaf: "bunny2", views: { bunny1: { nodes: [node("bunny1")] }, bunny2: silent("connect ECONNREFUSED") } },
      ["bunny2 rabbitmq-server.service: its node doesn't serve"],
      [silence("bunny2", "connect ECONNREFUSED"), "bunny2 has drifted: member of bunny: is not a member"],
    ],
    [
      "a first member that has left",
      { views: { bunny1: { nodes: [node("bunny1")], objects: nothing }, bunny2: { nodes: [node("bunny2")] } } },
      ["bunny1 member of bunny: is not a member"],
      [],
    ],
    [
      "nothing of a blank node that is alone, while the one that has everything is silent",
      { views: { bunny1: silent("connect ECONNREFUSED"), bunny2: { nodes: [node("bunny2")], objects: nothing } } },
      [],
      [silence("bunny1", "connect ECONNREFUSED")],
    ],
    [
      "a broker that doesn't serve in a unit that runs, by its host where nobody else tells",
      { deaf: "bunny2", views: { bunny1: silent("no answer within 1 s"), bunny2: silent("connect ECONNREFUSED") } },
      ["bunny2 rabbitmq-server.service: its node doesn't serve"],
      [silence("bunny1", "no answer within 1 s"), silence("bunny2", "connect ECONNREFUSED")],
    ],
    [
      "an administrator who is locked out, once for all members",
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
      "a virtual IP that nobody holds: keepalived of the best host is restarted",
      { addresses: { bunny1: ["10.203.0.21"] } },
      [`bunny1 keepalived.service: ${vip} is on no host | restart`],
      [],
    ],
    [
      "a virtual IP that nobody holds, while the best host has something else to mend",
      { addresses: { bunny1: ["10.203.0.21"] }, stopped: "bunny1 rabbitmq-server.service" },
      [
        "bunny1 rabbitmq-server.service: is inactive instead of active",
        `bunny2 keepalived.service: ${vip} is on no host | restart`,
      ],
      [],
    ],
    [
      "no virtual IP where one of its hosts can't be asked",
      { addresses: { bunny1: ["10.203.0.21"] }, unreachable: "bunny2" },
      [],
      [],
    ],
    [
      "a virtual IP that two hold",
      { addresses: { bunny2: ["10.203.0.22", vip] } },
      [],
      [`${vip} (bunny-op) is on 2 hosts: bunny1 and bunny2`],
    ],
  ])("finds %s", (_, seen, steps, warnings) => {
    expect(found(seen)).toEqual({ steps, warnings, unmanaged: {} });
  });

  it("finds what is lost of the agents' queues, and has them declare it on a host that answers", () => {
    const objects = (soundCluster(cluster).get("bunny1") as MemberView).objects;
    const lost = { ...objects, bindings: objects.bindings.filter((one) => one.queue !== "cmc.urp.pull") };
    const { steps, warnings } = found({ views: { bunny1: { objects: lost }, bunny2: { objects: lost } } });
    expect(steps).toEqual([
      "bunny1 warren-dispatcher.service: binding of cmc.urp.pull to cmc: key v00.urp.notify.# is gone; binding of cmc.urp.pull to cmc: key v00.urp.twin.# is gone | declare",
    ]);
    expect(warnings).toEqual([]);
  });

  it("has the dispatcher whose ledger is lost or has another window declare it, and no other one", () => {
    const objects = (soundCluster(cluster).get("bunny1") as MemberView).objects;
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

  it("has the agents bind anew to an exchange that is made anew", () => {
    const objects = (soundCluster(cluster).get("bunny1") as MemberView).objects;
    const other = objects.exchanges.map((one) => (one.name === "cmc" ? { ...one, type: "fanout" } : one));
    const { steps, warnings } = found({ views: { bunny1: { objects: { ...objects, exchanges: other } } } });
    expect(steps).toEqual(["bunny1 warren-dispatcher.service: exchange cmc: type fanout instead of topic | declare"]);
    expect(warnings).toEqual(["bunny has drifted: exchange cmc: type fanout instead of topic"]);
  });

  it("has a receiver and a bridge started anew where their bindings or exchanges are gone, and misses none before they were there", () => {
    const open = whole.clusters.find(({ name }) => name === "wxo-b1") as ClusterModel;
    const hosts = whole.hosts.filter(({ name }) => ["px-1", "wxo-b1"].includes(name));
    const seen = new Map(hosts.map((host) => [host.name, observation(host, [])]));
    const sound = (soundCluster(open).get("wxo-b1") as MemberView).objects;
    const stepsOf = (by: Partial<MemberView["objects"]>) => {
      const views = [...soundCluster(open)].map(([host, view]) => [
        host,
        { ...(view as MemberView), objects: { ...sound, ...by } },
      ]);
      const parts = hosts.map((host) => ({ ...bare(host), files: [], units: [] }));
      const brokers = new Map([[open.name, new Map(views as [string, MemberView][])]]);
      const drift = findDrift({ ...whole, hosts: parts, clusters: [open] }, seen, brokers);
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
    expect(stepsOf({ exchanges: sound.exchanges.filter(({ name }) => name !== "xpublic") })).toEqual([bridge]);
    expect(stepsOf({ queues: [], bindings: [] })).toEqual([]);
  });

  it("lists addresses and members that the model has not", () => {
    const nodes = [node("bunny1"), node("bunny2"), node("hare")];
    const { unmanaged } = found({
      addresses: { bunny2: ["10.203.0.22", "192.0.2.7"] },
      views: { bunny1: { nodes }, bunny2: { nodes } },
    });
    expect(unmanaged).toEqual({ bunny: ["node rabbit@hare"], "hosts of virtual IPs": ["address 192.0.2.7 on bunny2"] });
  });

  it("finds a plugin that the file names and the node doesn't run", () => {
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

describe("the member that the engine speaks to", () => {
  const hosts = (seen: Seen, before: Record<string, string>) =>
    managementHosts(model, new Map([[cluster.name, clusterSeen(seen)]]), before);
  const down = silent("connect ECONNREFUSED");

  it.each<[string, Seen, Record<string, string>, string]>([
    ["is the first", {}, {}, "bunny1"],
    ["is another where the first is silent", { views: { bunny1: down } }, {}, "bunny2"],
    ["stays the other one when the first is back, so that nothing changes again", {}, { bunny: "bunny2" }, "bunny2"],
    ["stays as it was where all are silent", { views: { bunny1: down, bunny2: down } }, { bunny: "bunny2" }, "bunny2"],
    ["is none that the config no longer has", {}, { bunny: "hare" }, "bunny1"],
    [
      "is no blank node that is alone, while the one that has everything is silent",
      { views: { bunny1: down, bunny2: { nodes: [node("bunny2")], objects: nothing } } },
      {},
      "bunny1",
    ],
    [
      "is none that has left the cluster",
      { views: { bunny1: { nodes: [node("bunny1")], objects: nothing }, bunny2: { nodes: [node("bunny2")] } } },
      { bunny: "bunny1" },
      "bunny2",
    ],
  ])("%s", (_, seen, before, expected) => {
    expect(hosts(seen, before)).toEqual({ bunny: expected, "wxo-b1": "wxo-b1" });
  });
});
