import { join } from "node:path";
import { tlsScheme } from "../../agents/lib/config.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { passwordOf } from "../../infra/config/index.ts";
import { traitsOf } from "../../infra/config/series.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import { type Management, managementOf } from "../../infra/observe/management.ts";
import { operatorCaPath, readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { hostExec } from "../../scripts/lab/index.ts";
import { needRecord } from "../../scripts/lab/registry.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { hostRoot } from "../../scripts/lab/ssh.ts";
import { brokerVirtualIp } from "../../scripts/lab/virtual-ip.ts";
import type { ReceiverFolder } from "../../scripts/traffic/receivers.ts";
import type { ChaosTapOptions } from "./tap.ts";

/** A lab for faults. */
export interface Scene {
  readonly lab: string;
  readonly config: StackConfig;
  /** Members of the announcements' cluster, highest priority first. */
  readonly members: readonly string[];
  /** Members with their own file system. */
  readonly ownDisks: readonly string[];
  /** The db trees of the radar servers, by host. */
  readonly roots: Readonly<Record<string, string>>;
  readonly folders: readonly ReceiverFolder[];
  /** By member. */
  readonly management: ReadonlyMap<string, Management>;
  /** Runs a shell command on a host, as root. @throws UserError if it fails */
  on(host: string, script: string): Promise<string>;
}

/** A command that takes longer on a host with a fault has failed. */
const commandTimeoutMs = 30_000;

/** Collects what faults and counts need from a lab that is up. */
export async function openScene(lab: string, config: StackConfig): Promise<Scene> {
  const { announcements } = config;
  const { hosts } = brokerVirtualIp(config);
  const { priorities = {} } =
    Object.values(config.virtualIps).find((vip) => hosts.every((host) => host in vip.priorities)) ?? {};
  const members = hosts.toSorted((one, other) => (priorities[other] ?? 0) - (priorities[one] ?? 0));
  const record = await needRecord(lab);
  const cluster = clusterModels(config).find(({ name }) => name === announcements.broker);
  if (!cluster) throw new TypeError(`no cluster ${announcements.broker}`);
  const ca = await readOperatorCa(lab);
  const below = async (host: string, path: string) => join(await hostRoot(lab, host), path);
  return {
    lab,
    config,
    members,
    ownDisks: record.hosts.flatMap(({ name, diskMb }) =>
      diskMb !== undefined && members.includes(name) ? [name] : [],
    ),
    roots: Object.fromEntries(
      await Promise.all(
        hostsOf(config, "urp").map(async (urp) => [urp, await below(urp, announcements.productRoot)] as const),
      ),
    ),
    folders: await Promise.all(
      hostsOf(config, "pds").map(async (pds) => ({
        pds,
        directory: await below(pds, announcements.receiverDirectory),
      })),
    ),
    management: new Map(
      members.map((host) => [host, managementOf(cluster, config.hosts[host]?.address ?? host, ca)] as const),
    ),
    async on(host, script) {
      const options = { timeoutMs: commandTimeoutMs };
      return (await hostExec(lab, host, ["sh", "-c", script], options)).stdout.trim();
    },
  };
}

export function closeScene({ management }: Scene): void {
  for (const each of management.values()) each.close();
}

/** The tap's user. Not one of the agents': their passwords may change while it listens. */
export function tapUser(config: StackConfig): { readonly user: string; readonly password: string } {
  const user = config.brokers[config.announcements.broker]?.administrator ?? "";
  return { user, password: passwordOf(config, user) };
}

/** The tap's connections: to each member, as the agents connect. */
export function tapPlace({ lab, config, members }: Scene): Omit<ChaosTapOptions, "onSeen"> {
  const broker = config.brokers[config.announcements.broker];
  const { port, secure } = brokerVirtualIp(config);
  const quorum = broker && traitsOf(broker.series).replication === "quorum" && broker.members.length > 1;
  return {
    members: members.map((host) => `${secure ? tlsScheme : ""}${config.hosts[host]?.address ?? host}:${port}`),
    ...tapUser(config),
    caFile: secure ? operatorCaPath(lab) : undefined,
    queueType: quorum ? "quorum" : "classic",
    exchange: config.announcements.exchange,
  };
}
