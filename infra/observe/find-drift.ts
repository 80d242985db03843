import type { Unreachable } from "../hosts/ask.ts";
import {
  brokerPackage,
  brokerUnit,
  dispatcherUnit,
  keepalivedUnit,
  limitsStep,
  memberStep,
  pluginsFile,
} from "../model/names.ts";
import type { ClusterModel, EnvironmentModel } from "../model/types.ts";
import type { BrokerObservations, ClusterObservation } from "./broker.ts";
import {
  type AgentQueueDrift,
  agentQueueDrift,
  isDispatchers,
  limitsDrift,
  objectDrift,
  takenUsers,
  unmanagedObjects,
} from "./broker-drift.ts";
import { hostDrift } from "./drift.ts";
import type { Inventory } from "./gone-hosts.ts";
import { DriftCollector, type HostDrifts } from "./host-drifts.ts";
import type { Observations } from "./index.ts";
import { type MemberDrift, mainView, memberDrift, missingPlugins, unmanagedNodes } from "./member-drift.ts";
import type { Observation } from "./observation.ts";
import { hostObstacles } from "./obstacles.ts";
import { doublyHeldAddresses, unheldAddresses, unmanagedAddresses } from "./virtual-ip-drift.ts";

/** All observed differences from the model. */
export interface Drift {
  /** Drift that steps of hosts repair. */
  readonly hosts: HostDrifts;
  /** Drift that no step repairs, as sentences: broker objects, which the engine repairs at its refresh; silent members; addresses on two hosts. */
  readonly warnings: readonly string[];
  /** Things that are not in the model, by location. They are left alone. */
  readonly unmanaged: ReadonlyMap<string, readonly string[]>;
}

/** Compares observations of hosts and brokers with the model. Pure. @param recorded what earlier runs made at each cluster */
export function findDrift(
  model: EnvironmentModel,
  observations: Observations,
  brokers: BrokerObservations,
  recorded: Inventory["clusters"] = {},
): Drift {
  const drift = new DriftCollector();
  const warnings: string[] = [];
  const unmanaged = new Map<string, readonly string[]>();
  for (const host of model.hosts) {
    const observed = observations.get(host.name);
    if (observed && !("unreachable" in observed)) {
      drift.addHost(host.name, hostDrift(host, observed), hostObstacles(host, observed));
    }
  }
  for (const cluster of model.clusters) {
    const observed = brokers.get(cluster.name);
    if (!observed) continue;
    const { nodes, left } = memberDrift(cluster, observed);
    warnings.push(...silentMembers(cluster, observed, observations), ...noteNodes(nodes, drift));
    noteNotServing(cluster, observations, drift);
    warnings.push(...noteLeft(cluster, left, drift));
    noteLogin(observed, drift);
    notePlugins(model, cluster, observed, drift);
    const main = mainView(cluster, observed);
    if (!main) continue;
    const { objects } = main.view;
    const objectDrifts = objectDrift(cluster, objects);
    const made = new Set(recorded[cluster.name]?.objects.map(([, name]) => name));
    warnings.push(
      ...takenUsers(cluster, objects, made),
      ...objectDrifts.map(({ thing, difference }) => `${cluster.name} has drifted: ${thing}: ${difference}`),
    );
    warnings.push(...noteLimits(cluster, limitsDrift(cluster, objects), drift));
    // An exchange that is recreated loses the agents' bindings.
    const rebound = objectDrifts.flatMap((drift) => boundTo(cluster, drift.thing).map((by) => ({ ...drift, ...by })));
    // A queue on a node that is down is not reported, and returns with the node.
    const areAllUp = nodes.size === 0;
    noteUndeclared([...rebound, ...(areAllUp ? agentQueueDrift(cluster, objects) : [])], main.host, drift);
    note(unmanaged, cluster.name, [...unmanagedNodes(cluster, observed), ...unmanagedObjects(cluster, objects)]);
  }
  for (const { host, address } of unheldAddresses(model, observations, drift.hosts)) {
    drift.note(host, keepalivedUnit, [`${address} is on no host`], ["restart"]);
  }
  warnings.push(...doublyHeldAddresses(model, observations));
  note(unmanaged, "hosts of virtual IPs", unmanagedAddresses(model, observations));
  return { hosts: drift.hosts, warnings, unmanaged };
}

const note = (all: Map<string, readonly string[]>, where: string, things: readonly string[]) => {
  if (things.length > 0) all.set(where, things);
};

/** Objects that any dispatcher can declare are assigned to the dispatcher beside the member that answered; other agents declare theirs at their start. */
function noteUndeclared(missing: readonly AgentQueueDrift[], asked: string, drift: DriftCollector): void {
  for (const { thing, difference, declaredBy } of missing) {
    const { host, unit } = declaredBy ?? { host: asked, unit: dispatcherUnit };
    drift.note(host, unit, [`${thing}: ${difference}`], [unit === dispatcherUnit ? "declare" : "restart"]);
  }
}

/** Agents whose queues are bound to an exchange. One dispatcher stands for all, because their connections are closed together. */
function boundTo({ agentQueues }: ClusterModel, thing: string): Pick<AgentQueueDrift, "declaredBy">[] {
  const bound = agentQueues.filter(({ bindings }) => bindings.some(({ exchange }) => `exchange ${exchange}` === thing));
  const others = bound
    .filter((queue) => !isDispatchers(queue))
    .flatMap(({ declaredBy }) => (declaredBy ? [{ declaredBy }] : []));
  return [...(bound.some(isDispatchers) ? [{}] : []), ...others];
}

/** A member without the broker's package is not expected to answer. */
function silentMembers(cluster: ClusterModel, observed: ClusterObservation, observations: Observations): string[] {
  return [...observed].flatMap(([host, view]) =>
    "silent" in view && !isBare(observations.get(host))
      ? [`${host}: the management API of ${cluster.name} can't be used: ${view.silent}`]
      : [],
  );
}

const isBare = (seen: Observation | Unreachable | undefined): boolean =>
  seen !== undefined && !("unreachable" in seen) && seen.packages.get(brokerPackage)?.installed !== true;

/** @returns warnings about what no step repairs */
function noteNodes(nodes: MemberDrift["nodes"], drift: DriftCollector): string[] {
  const warnings: string[] = [];
  for (const [host, differences] of nodes) {
    // A stopped unit has been noted already.
    if (drift.hosts.get(host)?.has(brokerUnit)) continue;
    if (!drift.note(host, brokerUnit, differences)) warnings.push(`${host} has drifted: ${differences.join("; ")}`);
  }
  return warnings;
}

/** @returns warnings about what no note repairs: a member's step follows its broker's unit, and is renewed with it */
function noteLeft(cluster: ClusterModel, left: MemberDrift["left"], drift: DriftCollector): string[] {
  const step = memberStep(cluster.name);
  const difference = "is not a member";
  return [...left].flatMap((host) => {
    const followed = drift.hosts.get(host)?.has(brokerUnit) ?? false;
    return !followed && drift.note(host, step, [difference]) ? [] : [`${host} has drifted: ${step}: ${difference}`];
  });
}

/** @returns warnings if the first member, where the step runs, could not be observed */
function noteLimits(cluster: ClusterModel, differences: readonly string[], drift: DriftCollector): string[] {
  const step = limitsStep(cluster.name);
  const host = cluster.members[0]?.host ?? "";
  if (differences.length === 0 || drift.note(host, step, differences)) return [];
  return [`${cluster.name} has drifted: ${differences.join("; ")}`];
}

/** A broker may be down inside an active unit without any member reporting it. Its host then shows it. */
function noteNotServing(cluster: ClusterModel, observations: Observations, drift: DriftCollector): void {
  for (const { host } of cluster.members) {
    const seen = observations.get(host);
    if (!seen || "unreachable" in seen || seen.units.get(brokerUnit)?.active !== "active") continue;
    const steps = drift.hosts.get(host);
    // The port may be missing because the plugins or the unit have drifted.
    if (seen.listening.has(cluster.management.port) || steps?.has(pluginsFile) || steps?.has(brokerUnit)) continue;
    drift.note(host, brokerUnit, ["its node is not serving"]);
  }
}

/** All members share one database, so a repair on one member is enough. */
function noteLogin(observed: ClusterObservation, drift: DriftCollector): void {
  const refusing = [...observed].find(([, view]) => "silent" in view && view.loginRefused);
  if (!refusing) return;
  const [host, view] = refusing;
  if ("silent" in view) drift.note(host, brokerUnit, [view.silent], ["login"]);
}

function notePlugins(
  model: EnvironmentModel,
  cluster: ClusterModel,
  observed: ClusterObservation,
  drift: DriftCollector,
): void {
  for (const [host, plugins] of missingPlugins(model, cluster, observed)) {
    drift.note(host, brokerUnit, [`${plugins.join(", ")} not running`], ["restart"]);
  }
}
