import type { AskedHost } from "./asked.ts";
import type { AdoptedCluster } from "./cluster.ts";
import type { KeptFiles } from "./files.ts";
import type { VirtualIpInput } from "./virtual-ips.ts";

/** Count of one kind of object: how many were found, and how many the stack file has. */
export interface Count {
  readonly kind: string;
  readonly found: number;
  readonly adopted: number;
  readonly names: readonly string[];
}

export interface Everything {
  readonly asked: readonly AskedHost[];
  readonly clusters: readonly AdoptedCluster[];
  readonly files: readonly KeptFiles[];
  readonly virtualIps: Readonly<Record<string, VirtualIpInput>>;
}

export function countRows({ asked, clusters, files, virtualIps }: Everything): Count[] {
  const definitions = clusters.flatMap(({ broker }) => {
    const first = asked.find(({ host }) => host.name === broker.members[0]);
    return first?.host.definitions ? [first.host.definitions] : [];
  });
  const brokers = clusters.map(({ broker }) => broker);
  const row = (kind: string, found: number, names: readonly string[]): Count => ({
    kind,
    found,
    adopted: names.length,
    names,
  });
  const paths = files.flatMap(({ adopted }) => Object.values(adopted).flatMap((service) => Object.keys(service.files)));
  const vips = Object.entries(virtualIps).map(([name, { address }]) => `${name} ${address}`);
  const users = brokers.flatMap((broker) => Object.entries(broker.users ?? {}));
  return [
    row(
      "hosts",
      asked.length,
      asked.map(({ host }) => host.name),
    ),
    row(
      "clusters",
      clusters.length,
      clusters.map(({ name }) => name),
    ),
    row(
      "files, kept to the byte",
      paths.length,
      [...new Set(paths)].flatMap((path) => paths.filter((one) => one === path)),
    ),
    row(
      "users",
      sum(definitions, "users"),
      users.map(([name]) => name),
    ),
    row(
      "permissions",
      sum(definitions, "permissions"),
      users.filter(([, user]) => user.permissions).map(([name]) => name),
    ),
    row(
      "exchanges",
      sum(definitions, "exchanges"),
      brokers.flatMap((broker) => (broker.exchanges ?? []).map(nameOf)),
    ),
    row(
      "queues",
      sum(definitions, "queues"),
      brokers.flatMap((broker) => (broker.queues ?? []).map(nameOf)),
    ),
    row(
      "policies",
      sum(definitions, "policies"),
      brokers.flatMap((broker) => (broker.policies ?? []).map(nameOf)),
    ),
    row("virtual IPs", vips.length, vips),
  ];
}

const nameOf = (one: string | { readonly name: string }): string => (typeof one === "string" ? one : one.name);

type Definitions = NonNullable<AskedHost["host"]["definitions"]>;

const sum = (all: readonly Definitions[], key: "users" | "permissions" | "exchanges" | "queues" | "policies"): number =>
  all.reduce((total, definitions) => total + definitions[key].length, 0);
