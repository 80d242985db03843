import { type ConfirmChannel, connect, type GetMessage } from "amqplib";
import type { StackConfig } from "../../infra/config/index.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import { managementOf } from "../../infra/observe/management.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { virtualIpHolder } from "../../scripts/lab/virtual-ip.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { isReplicated, type QueueAnswer } from "../chaos/whole.ts";
import { lab, stackConfig, until } from "./subject.ts";

/** A killed broker waits some seconds, boots, joins, and its replicas are filled; then the virtual IP comes back. */
const wholeTimeoutMs = 90_000;

/**
 * Waits until all members are what they were before a fault: running, every replica in step, the virtual IP where its priority has it. The
 * next fault then meets a whole cluster, as the first one did.
 */
export async function untilWhole(): Promise<void> {
  const config = await stackConfig();
  const bunnies = config.brokers[config.announcements.broker]?.members ?? [];
  let missing = "";
  const isWhole = async (): Promise<boolean> => {
    try {
      for (const host of bunnies) {
        const nodes = await ask<{ running: boolean; partitions?: string[] }[]>(config, host, "nodes");
        if (nodes.some((node) => !node.running || (node.partitions ?? []).length > 0))
          throw new Error("a node is away");
        if (nodes.length !== bunnies.length) throw new Error(`${host} knows ${nodes.length} members`);
      }
      const queues = await ask<QueueAnswer[]>(config, bunnies[0] ?? "", "queues");
      const behind = queues
        .filter(({ name }) => name.startsWith("cmc."))
        .find((queue) => !isReplicated(queue, bunnies.length));
      if (behind) throw new Error(`${behind.name} lacks replicas in step`);
      const holder = await virtualIpHolder(lab, config);
      if (holder !== bunnies[0]) throw new Error(`the virtual IP is on ${holder}`);
      return true;
    } catch (error) {
      missing = (error as Error).message;
      return false;
    }
  };
  await until("the cluster is whole", wholeTimeoutMs, isWhole).catch((error: Error) => {
    throw new Error(`${error.message}: ${missing}`);
  });
}

/** What the management API of one host answers. */
export async function ask<T>(config: StackConfig, host: string, path: string): Promise<T> {
  const cluster = clusterModels(config).find(({ name }) => name === config.announcements.broker);
  const address = config.hosts[host]?.address;
  if (!cluster || !address) throw new Error(`no broker on ${host}`);
  const management = managementOf(cluster, address, await readOperatorCa(lab));
  try {
    return (await management.ask(path)) as T;
  } finally {
    management.close();
  }
}

/** A channel to the broker at its virtual IP, for the time of some work. */
export async function withChannel<T>(work: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
  const config = await stackConfig();
  const connection = await connect(brokerUrl(config), await brokerTrust(lab, config));
  try {
    return await work(await connection.createConfirmChannel());
  } finally {
    await connection.close();
  }
}

/** Takes messages from a queue until one is what is looked for. Those before it are gone. */
export async function takeUntil(
  channel: ConfirmChannel,
  queue: string,
  isIt: (message: GetMessage) => boolean,
): Promise<GetMessage> {
  const take = async () => {
    for (;;) {
      const message = await channel.get(queue, { noAck: true });
      if (!message || isIt(message)) return message;
    }
  };
  const found = await poll(take, { everyMs: 100, withinMs: 30_000 });
  if (!found) throw new Error(`not within 30 s: the message looked for, in ${queue}`);
  return found;
}
