import { type ConfirmChannel, connect } from "amqplib";
import { ManagementClient } from "../../agents/lib/management.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import type { ClusterModel } from "../../infra/model/types.ts";
import { managementUrl } from "../../infra/observe/management.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { brokerTrust, brokerUrl } from "../../scripts/lab/send-products.ts";
import { awaitHealed } from "../chaos/healed.ts";
import { closeScene, openScene } from "../chaos/scene.ts";
import { lab, stackConfig } from "./subject.ts";

/** A killed broker waits some seconds, boots, joins and fills its replicas; then the virtual IP returns. */
const healthyTimeoutMs = 90_000;
/** No request to a broker takes longer or has a larger answer. */
const bounds = { timeoutMs: 60_000, answerBytesMax: 1 << 20 };

/** Waits until the cluster is healthy, so that the next fault starts from the same state. */
export async function untilHealthy(): Promise<void> {
  const scene = await openScene(lab, await stackConfig());
  try {
    const missing = await awaitHealed(scene, { withinMs: healthyTimeoutMs });
    if (missing !== undefined)
      throw new Error(`the cluster is not healthy after ${healthyTimeoutMs / 1000} s: ${missing}`);
  } finally {
    closeScene(scene);
  }
}

/** A cluster of the lab's model. @param named default: the cluster of the announcements */
export async function labCluster(named?: string): Promise<ClusterModel> {
  const config = await stackConfig();
  const cluster = clusterModels(config).find(({ name }) => name === (named ?? config.announcements.broker));
  if (!cluster) throw new Error(`the lab's stack has no broker ${named ?? ""}`);
  return cluster;
}

/**
 * Reads or changes a cluster of the lab by hand, without warren: through the management API of its first member.
 *
 * @param cluster default: the cluster of the announcements
 * @returns the answer's JSON; undefined if it is empty
 */
export async function callBroker<Answer>(
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  body?: object,
  cluster?: string,
): Promise<Answer> {
  const known = await labCluster(cluster);
  return call(known, known.members[0]?.address ?? "", method, path, body);
}

/** Reads something from the management API of this member of the announcements' cluster. */
export const askMember = async <Answer>(address: string, path: string): Promise<Answer> =>
  call(await labCluster(), address, "GET", path);

async function call<Answer>(
  known: ClusterModel,
  address: string,
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  body?: object,
): Promise<Answer> {
  const { name: user, password } = known.administrator;
  const url = managementUrl(known, address);
  const ca = await readOperatorCa(lab);
  const client = new ManagementClient({ urls: [url], login: { user, password }, ca, ...bounds });
  try {
    const { status, text } = await client.sendTo(url, { method, path, body });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as Answer;
  } finally {
    await client.close();
  }
}

/** Does some work with a channel to the broker's virtual IP. */
export async function withChannel<T>(work: (channel: ConfirmChannel) => Promise<T>): Promise<T> {
  const config = await stackConfig();
  const connection = await connect(brokerUrl(config), await brokerTrust(lab, config));
  try {
    return await work(await connection.createConfirmChannel());
  } finally {
    await connection.close();
  }
}
