import { Agent, request } from "undici";
import { passwordOf } from "../../infra/config/index.ts";
import { clusterModels } from "../../infra/model/cluster.ts";
import type { ClusterModel } from "../../infra/model/types.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { lab, stackConfig } from "./subject.ts";

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
  const { members, management, administrator } = await labCluster(cluster);
  const ca = await readOperatorCa(lab);
  const dispatcher = new Agent(ca === undefined ? {} : { connect: { ca } });
  const login = Buffer.from(`${administrator.name}:${administrator.password}`).toString("base64");
  try {
    const response = await request(`${management.scheme}://${members[0]?.address}:${management.port}/api/${path}`, {
      method,
      dispatcher,
      headers: { authorization: `Basic ${login}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.body.text();
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
  } finally {
    await dispatcher.close();
  }
}
