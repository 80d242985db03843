import type { Config as BridgeAgentConfig } from "../../agents/bridge/config.ts";
import type { Config as ReceiverAgentConfig } from "../../agents/receiver/config.ts";
import type { StackConfig } from "../config/index.ts";
import type { BridgeConfig, ReceiverConfig } from "../config/message-agents.ts";
import {
  type AgentShell,
  agentPart,
  agentPasswordAt,
  brokerHosts,
  type InstanceName,
  metricsPortsFrom,
  productAccount,
  serviceAccount,
} from "./agent-part.ts";
import { messageQueueOf } from "./agent-queues.ts";
import type { HostPart, PartContext } from "./part.ts";

/** One of several agents of the same kind on a host. */
interface InstancePlace<Config> {
  readonly name: InstanceName;
  readonly port: number;
  /** Its name in the config. */
  readonly key: string;
  readonly config: Config;
}

function placesOn<Config extends { readonly hosts: readonly string[] }>(
  kind: "receiver" | "bridge",
  all: Readonly<Record<string, Config>>,
  host: string,
): InstancePlace<Config>[] {
  return Object.entries(all)
    .filter(([, { hosts }]) => hosts.includes(host))
    .map(([key, config], index) => ({ name: `${kind}-${key}`, port: metricsPortsFrom[kind] + index, key, config }));
}

export const receiverPlaces = ({ receivers }: StackConfig, host: string) => placesOn("receiver", receivers, host);
export const bridgePlaces = ({ bridges }: StackConfig, host: string) => placesOn("bridge", bridges, host);

/** Receivers, which write messages of topics as files into an rxq. */
export const receiverParts = (context: PartContext): HostPart[] =>
  receiverPlaces(context.config, context.host).map(({ name, port, key, config }) => {
    const { exchange, topics, directory = `/apps/px/rxq/${key}` } = config;
    const own: Partial<ReceiverAgentConfig> = {
      exchange,
      // The broker's own section of the stack creates it.
      declareExchange: false,
      queue: messageQueueOf("receiver", key),
      bindingKeys: topics,
      receiverQueueDirectory: directory,
    };
    const part = agentPart(context, {
      ...{ name, port, program: "receiver", account: productAccount, writable: directory, own },
      summary: "writes messages as files into a receiver queue",
      ...at(context, "receiver", config),
    });
    const owned = { owner: productAccount.name, group: productAccount.name, mode: "0755" };
    return { ...part, directories: [productAccount.home, directory].map((path) => ({ path, ...owned })) };
  });

/** Bridges, which publish announcements of one format in others. */
export const bridgeParts = (context: PartContext): HostPart[] =>
  bridgePlaces(context.config, context.host).map(({ name, port, key, config }) => {
    const { from, to } = config;
    const own = {
      queue: messageQueueOf("bridge", key),
      from,
      to,
      declareExchanges: false,
    } as Partial<BridgeAgentConfig>;
    const directory = from.format === "wis" ? from.fetch?.productDirectory : undefined;
    const part = agentPart(context, {
      ...{ name, port, program: "bridge", account: serviceAccount, own },
      ...(directory === undefined ? {} : { writable: directory }),
      summary: `converts announcements from ${from.format} to ${to.map(({ format }) => format).join(", ")}`,
      ...at(context, "bridge", config),
    });
    if (directory === undefined) return part;
    const owned = { owner: serviceAccount.name, group: serviceAccount.name, mode: "0755" };
    return { ...part, directories: [...(part.directories ?? []), { path: directory, ...owned }] };
  });

function at(
  context: PartContext,
  role: "receiver" | "bridge",
  { broker: cluster, logLevel }: ReceiverConfig | BridgeConfig,
): Pick<AgentShell, "broker" | "credentials" | "logLevel"> {
  const { config } = context;
  return {
    broker: { cluster, hosts: brokerHosts(context, cluster) },
    credentials: [agentPasswordAt(config, role, cluster)],
    logLevel,
  };
}
