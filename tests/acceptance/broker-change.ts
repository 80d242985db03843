import { ManagementClient } from "../../agents/lib/management.ts";
import { passwordOf } from "../../infra/config/index.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import type { ClusterModel } from "../../infra/model/types.ts";
import { managementUrl } from "../../infra/observe/management.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { lab, stackConfig } from "./subject.ts";

/** No change of one object takes a broker longer, or is answered with more. */
const bounds = { timeoutMs: 60_000, answerBytesMax: 1 << 20 };

/** A cluster of the lab as the model has it. @param named that of the announcements unless given */
export async function labCluster(named?: string): Promise<ClusterModel> {
  const config = await stackConfig();
  const cluster = clusterModels(config).find(({ name }) => name === (named ?? config.announcements.broker));
  if (!cluster) throw new Error(`the lab's stack has no broker ${named ?? ""}`);
  return cluster;
}

/** The password of a user of the lab's brokers. */
export const passwordOfUser = async (name: string): Promise<string> => passwordOf(await stackConfig(), name);

/**
 * Changes something in a cluster of the lab as somebody does by hand: past warren, by the management API of its first member.
 *
 * @param cluster that of the announcements unless given
 */
export async function changeBroker(
  method: "PUT" | "DELETE",
  path: string,
  body?: object,
  cluster?: string,
): Promise<void> {
  const known = await labCluster(cluster);
  const { name: user, password } = known.administrator;
  const url = managementUrl(known, known.members[0]?.address ?? "");
  const ca = await readOperatorCa(lab);
  const client = new ManagementClient({ urls: [url], login: { user, password }, ca, ...bounds });
  try {
    const { status, text } = await client.sendTo(url, { method, path, body });
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
  } finally {
    await client.close();
  }
}
