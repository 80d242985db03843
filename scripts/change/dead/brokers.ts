import type { StackConfig } from "../../../infra/config/index.ts";
import type { Hosts } from "../../../infra/hosts/connect.ts";
import { openTunnel } from "../../../infra/hosts/tunnel.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { openHosts } from "../../engine/hosts.ts";
import { readCommittedConfig, readStackConfig } from "../../engine/stack-config.ts";
import { DeadQueue } from "./dead-queue.ts";
import { originsAt } from "./origins.ts";

/** A cluster that can't be read. */
export interface SilentBroker {
  readonly broker: string;
  readonly why: string;
}

interface DeadQueues {
  /** One for each cluster that has a dead-letter queue. */
  readonly queues: readonly DeadQueue[];
  readonly silent: readonly SilentBroker[];
  close(): Promise<void>;
}

/**
 * Opens the dead-letter queues of a stack. Agents dead-letter at the broker from which they consume.
 *
 * @param only the name of one cluster
 * @throws UserError or ConfigError if the stack's config can't be read
 */
export async function openDeadQueues(stack: string, only?: string): Promise<DeadQueues> {
  const reach = await openHosts(stack, readCommittedConfig(stack));
  const config = await readStackConfig(stack);
  const closing: (() => Promise<void>)[] = [];
  const names = Object.keys(config.brokers).filter((name) => only === undefined || name === only);
  const found = await Promise.all(names.map((name) => openAt(name, config, reach, closing)));
  return {
    queues: found.flatMap((one) => (one instanceof DeadQueue ? [one] : [])),
    silent: found.flatMap((one) => (one === undefined || one instanceof DeadQueue ? [] : [one])),
    // Close a connection before its tunnel.
    close: async () => {
      for (const close of closing.toReversed()) await close();
    },
  };
}

/** Opens the queue through the first member that answers. */
async function openAt(
  broker: string,
  config: StackConfig,
  reach: Hosts,
  closing: (() => Promise<void>)[],
): Promise<DeadQueue | SilentBroker | undefined> {
  const cluster = clusterModels(config).find(({ name }) => name === broker);
  const port = config.brokers[broker]?.port ?? 0;
  let why = "it has no members";
  for (const { host } of cluster?.members ?? []) {
    const tunnel = await openTunnel(reach.connectionTo(host), port);
    closing.push(tunnel.close);
    try {
      const login = cluster?.administrator ?? { name: "", password: "" };
      const queue = await DeadQueue.open({ broker, origins: originsAt(config, broker) }, tunnel, login);
      if (queue) closing.push(() => queue.close());
      return queue;
    } catch (error) {
      why = `${host}: ${tunnel.lastWords || (error as Error).message}`;
    }
  }
  return { broker, why };
}
