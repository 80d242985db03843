import { nodeOf } from "../commands/membership.ts";
import { pluginsFile } from "../model/names.ts";
import type { ClusterModel, EnvironmentModel } from "../model/types.ts";
import type { ClusterObservation, MemberView } from "./broker.ts";

const hostOf = (node: string): string => node.slice(node.indexOf("@") + 1);

export interface MemberDrift {
  /** Differences of the nodes, by host. */
  readonly nodes: ReadonlyMap<string, readonly string[]>;
  /** Hosts that are no longer members, according to the remaining ones. */
  readonly left: ReadonlySet<string>;
}

/**
 * The authoritative view of a cluster: of the members that answer, the one that sees most nodes running; then the one with most in its database (a
 * node that has left is alone and blank); then the first. A blank node that is alone is never authoritative, even if all others are silent.
 */
export function mainView(
  cluster: ClusterModel,
  observed: ClusterObservation,
): { readonly host: string; readonly view: MemberView } | undefined {
  const views = [...observed].flatMap(([host, view]) =>
    "silent" in view || isBlank(cluster, view) ? [] : [{ host, view }],
  );
  const weight = ({ nodes, objects }: MemberView) =>
    nodes.filter((node) => node.running).length * 1_000_000 + objects.queues.length * 100 + objects.users.length;
  return views.toSorted((a, b) => weight(b.view) - weight(a.view))[0];
}

/** A node that should have peers but sees none, and has nothing that warren or its agents created. */
function isBlank(cluster: ClusterModel, { nodes, objects }: MemberView): boolean {
  const isAlone = nodes.length === 1 && cluster.members.length > 1;
  const hasUser = objects.users.some(({ name }) =>
    cluster.users.some((user) => user.name === name && name !== "guest"),
  );
  return isAlone && objects.queues.length === 0 && !hasUser;
}

/** Hosts that are missing from the cluster, and hosts whose node is down. Pure. Empty if no member answers. */
export function memberDrift(cluster: ClusterModel, observed: ClusterObservation): MemberDrift {
  const main = mainView(cluster, observed);
  const nodes = new Map<string, string[]>();
  const left = new Set<string>();
  if (!main) return { nodes, left };
  const seen = new Map(main.view.nodes.map((node) => [node.name, node]));
  for (const { host } of cluster.members) {
    const node = seen.get(nodeOf(host));
    if (!node) left.add(host);
    else if (!node.running) nodes.set(host, ["its node is down"]);
  }
  return { nodes, left };
}

/** Nodes of a cluster that are not in the model. */
export function unmanagedNodes(cluster: ClusterModel, observed: ClusterObservation): string[] {
  const hosts = new Set(cluster.members.map(({ host }) => host));
  const nodes = mainView(cluster, observed)?.view.nodes ?? [];
  return nodes.flatMap(({ name }) => (hosts.has(hostOf(name)) ? [] : [`node ${name}`]));
}

/** Plugins that are enabled in the model but not running on a running node, by host. A differing file is separate drift. */
export function missingPlugins(
  model: EnvironmentModel,
  cluster: ClusterModel,
  observed: ClusterObservation,
): Map<string, string[]> {
  const missing = new Map<string, string[]>();
  for (const node of mainView(cluster, observed)?.view.nodes ?? []) {
    const host = cluster.members.find((member) => nodeOf(member.host) === node.name)?.host;
    const file = model.hosts.find((one) => one.name === host)?.files.find((one) => one.path === pluginsFile);
    if (!host || !file || !node.running || !node.plugins) continue;
    const wanted = file.content.match(/[a-z][a-z0-9_]*/g) ?? [];
    const absent = wanted.filter((plugin) => !node.plugins?.includes(plugin));
    if (absent.length > 0) missing.set(host, absent);
  }
  return missing;
}
