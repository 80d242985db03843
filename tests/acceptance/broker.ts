import { type ConfirmChannel, connect, type GetMessage } from "amqplib";
import type { StackConfig } from "../../infra/config/index.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import { managementOf } from "../../infra/observe/management.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { poll } from "../../scripts/lib/poll.ts";
import { awaitHealed } from "../chaos/healed.ts";
import { closeScene, openScene } from "../chaos/scene.ts";
import { lab, stackConfig } from "./subject.ts";

/** A killed broker waits some seconds, boots, joins, and its replicas are filled; then the virtual IP comes back. */
const healthyTimeoutMs = 90_000;

/** Waits until the cluster is healthy, so that the next fault meets what the first one met. */
export async function untilHealthy(): Promise<void> {
  const scene = await openScene(lab, await stackConfig());
  try {
    const missing = await awaitHealed(scene, { withinMs: healthyTimeoutMs });
    if (missing !== undefined)
      throw new Error(`not within ${healthyTimeoutMs / 1000} s: the cluster is whole: ${missing}`);
  } finally {
    closeScene(scene);
  }
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
