import type { EnvironmentModel } from "../model/types.ts";
import type { BrokerObservations } from "./broker.ts";
import { mainView, memberDrift } from "./member-drift.ts";

/** Which member of each cluster the engine speaks to, by name of the cluster. Kept as an output of the stack. */
export type ManagementHosts = Readonly<Record<string, string>>;

/**
 * The member that was spoken to last time as long as it answers, then the first that does: where one is down the others serve, and when it is
 * back nothing changes again. Where nobody answers, as before a first run, it stays as it was.
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
