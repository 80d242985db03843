import { UserError } from "../../agents/lib/errors.ts";
import { nameSchema } from "../config/hosts.ts";
import { type RabbitmqSeries, rabbitmqSeries, seriesNames } from "../config/series.ts";
import type { ClusterStatus } from "./answer.ts";
import type { AskedHost } from "./asked.ts";

const service = "rabbitmq-server";

/** @throws UserError where a host is no running broker of a series that warren knows */
export function requireBroker({ given, host }: AskedHost): void {
  const fail = (message: string, remedy: string) => {
    throw new UserError(given, message, remedy);
  };
  if (!nameSchema.safeParse(host.name).success) {
    fail(
      `its name is ${JSON.stringify(host.name)}; lower-case letters, digits and hyphens are expected`,
      "RabbitMQ's node name has it, so it can't be changed in place: the broker can't be adopted",
    );
  }
  if (!host.packages.has(service)) {
    fail(`is no broker: Debian's package ${service} is not installed`, "give the hosts that run RabbitMQ");
  }
  const unit = host.units.get(`${service}.service`);
  if (unit?.active !== "active") {
    fail(
      `its broker is ${unit?.active ?? "not there"}, and a broker tells of its users and policies only while it runs`,
      `start it: systemctl start ${service}`,
    );
  }
  if (!host.definitions || !host.cluster) {
    fail(
      `its broker doesn't say what it has: ${host.brokerSaid || "no answer"}`,
      "on the host, `rabbitmqctl export_definitions -` and `rabbitmqctl cluster_status` must work for root",
    );
  }
  if (!seriesOf(host.packages.get(service) ?? "")) {
    fail(
      `its RabbitMQ is ${host.packages.get(service)}; ${seriesNames.join(" or ")} is expected`,
      "a broker of another series can't be adopted: build a new one beside it from a stack file, and move clients over",
    );
  }
  const series = seriesOf(host.packages.get(service) ?? "");
  if (series && rabbitmqSeries[series].release !== host.release) {
    fail(
      `has RabbitMQ ${series} on ${host.release || "a system that is not Debian"}; Debian ${rabbitmqSeries[series].release} is expected`,
      "a broker from another place than Debian's own packages can't be adopted",
    );
  }
}

/** `1:3.10.8-1` is of series 3.10. */
export function seriesOf(version: string): RabbitmqSeries | undefined {
  const number = /^(?:\d+:)?(\d+\.\d+)\b/.exec(version)?.[1];
  return seriesNames.find((series) => series === number);
}

export const statusOf = ({ host }: AskedHost): ClusterStatus => {
  if (!host.cluster) throw new TypeError(`no status of ${host.name}`);
  return host.cluster;
};

/**
 * The asked hosts, grouped by the clusters that they say they are members of.
 * @throws UserError where a member was not asked, doesn't run, or has a node name that isn't `rabbit@HOST`
 */
export function membersByCluster(asked: readonly AskedHost[]): AskedHost[][] {
  const groups = new Map<string, AskedHost[]>();
  for (const one of asked) {
    const { disk_nodes: disk, ram_nodes: ram, running_nodes: running } = statusOf(one);
    const nodes = [...disk, ...ram].toSorted();
    for (const node of nodes) {
      if (!asked.some(({ host }) => node === `rabbit@${host.name}`)) {
        throw new UserError(
          one.given,
          `its cluster has the member ${node}, which is none of the hosts given`,
          `name all members: ./warren adopt ${asked.map(({ given }) => given).join(" ")} ${node.replace(/^.*@/, "")} …`,
        );
      }
      if (running.includes(node)) continue;
      throw new UserError(
        one.given,
        `the member ${node} of its cluster doesn't run`,
        "bring it up first, or take it out of the cluster",
      );
    }
    const key = nodes.join(" ");
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}
