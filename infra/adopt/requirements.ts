import { UserError } from "../../agents/lib/errors.ts";
import { nameSchema } from "../config/hosts.ts";
import { debianSeries, type RabbitmqSeries, rabbitmqSeries } from "../config/series.ts";
import type { ClusterStatus } from "./answer.ts";
import type { AskedHost } from "./asked.ts";

const service = "rabbitmq-server";

/** @throws UserError if a host is not a running broker of a supported series */
export function requireBroker({ given, host }: AskedHost): void {
  const fail = (message: string, remedy: string) => {
    throw new UserError(given, message, remedy);
  };
  if (!nameSchema.safeParse(host.name).success) {
    fail(
      `its name is ${JSON.stringify(host.name)}; expected lower-case letters, digits and hyphens`,
      "the broker can't be adopted, because the name is part of RabbitMQ's node name and can't be changed in place",
    );
  }
  if (!host.packages.has(service)) {
    fail(`is not a broker: Debian's package ${service} is not installed`, "name hosts that run RabbitMQ");
  }
  const unit = host.units.get(`${service}.service`);
  if (unit?.active !== "active") {
    fail(
      `its broker is ${unit?.active ?? "missing"}, but must run to export its users and policies`,
      `start it: systemctl start ${service}`,
    );
  }
  if (!host.definitions || !host.cluster) {
    fail(
      `its broker does not export its definitions: ${host.brokerError || "no answer"}`,
      "on the host, `rabbitmqctl export_definitions -` and `rabbitmqctl cluster_status` must work for root",
    );
  }
  if (!seriesOf(host.packages.get(service) ?? "")) {
    fail(
      `its RabbitMQ is ${host.packages.get(service)}; expected ${debianSeries.join(" or ")}`,
      "a broker of another series can't be adopted; deploy a new one beside it from a stack file, and move the clients",
    );
  }
  const series = seriesOf(host.packages.get(service) ?? "");
  if (series && rabbitmqSeries[series].release !== host.release) {
    fail(
      `has RabbitMQ ${series} on ${host.release || "a system other than Debian"}; expected Debian ${rabbitmqSeries[series].release}`,
      "only brokers from Debian's own packages can be adopted",
    );
  }
}

/** `1:3.10.8-1` is of series 3.10. */
export function seriesOf(version: string): RabbitmqSeries | undefined {
  const number = /^(?:\d+:)?(\d+\.\d+)\b/.exec(version)?.[1];
  return debianSeries.find((series) => series === number);
}

export const statusOf = ({ host }: AskedHost): ClusterStatus => {
  if (!host.cluster) throw new TypeError(`no status of ${host.name}`);
  return host.cluster;
};

/**
 * The hosts, grouped by cluster.
 * @throws UserError if a member is missing among the hosts, doesn't run, or has a node name other than `rabbit@HOST`
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
          `its cluster has the member ${node}, which is not among the given hosts`,
          `name all members: ./warren adopt ${asked.map(({ given }) => given).join(" ")} ${node.replace(/^.*@/, "")} …`,
        );
      }
      if (running.includes(node)) continue;
      throw new UserError(
        one.given,
        `the member ${node} of its cluster is not running`,
        "start it first, or remove it from the cluster",
      );
    }
    const key = nodes.join(" ");
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}
