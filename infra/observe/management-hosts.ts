import type { EnvironmentModel } from "../model/types.ts";
import type { BrokerObservations } from "./broker.ts";
import { mainView, memberDrift } from "./member-drift.ts";

/** The member of each cluster whose management API the engine uses, by name of the cluster. An output of the stack. */
export type ManagementHosts = Readonly<Record<string, string>>;

/**
 * Prefers the member of the last run as long as it answers, then the first that does: if one is down another is used, and its return changes
 * nothing again. If none answers, as before a first run, the choice stays.
 */
export function managementHosts(
  model: EnvironmentModel,
  brokers: BrokerObservations,
  before: ManagementHosts,
): ManagementHosts {
  return Object.fromEntries(
    model.clusters.map((cluster) => {
      const members = cluster.members.map(({ host }) => host);
      const last = members.filter((host) => host === before[cluster.name]);
      const candidates = [...last, ...members];
      const observed = brokers.get(cluster.name) ?? new Map();
      const { left } = memberDrift(cluster, observed);
      const answers =
        mainView(cluster, observed) &&
        candidates.find((host) => {
          const view = observed.get(host);
          return view !== undefined && !("silent" in view) && !left.has(host);
        });
      return [cluster.name, answers ?? candidates[0] ?? ""];
    }),
  );
}
