import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ManagementError } from "../../agents/lib/management.ts";
import { operatorCaFile } from "../model/tls.ts";
import type { ClusterModel, EnvironmentModel } from "../model/types.ts";
import {
  nodesPath,
  type ObservedNode,
  type ObservedObjects,
  objectsPath,
  parseNodes,
  parseObjects,
} from "./broker-answer.ts";
import { managementOf } from "./management.ts";

/** A cluster as one member reports it. */
export interface MemberView {
  readonly nodes: readonly ObservedNode[];
  readonly objects: ObservedObjects;
}

/** Why a member's management API gave no answer. */
export interface Silent {
  readonly silent: string;
  /** It answers, but refuses the administrator's password. */
  readonly loginRefused: boolean;
}

/** Views of one cluster by host, in the order of its members. */
export type ClusterObservation = ReadonlyMap<string, MemberView | Silent>;

/** By name of the cluster. */
export type BrokerObservations = ReadonlyMap<string, ClusterObservation>;

/**
 * Asks the management API of every member of every cluster concurrently, from this machine and as the administrator. Changes nothing. For a
 * member that doesn't answer within five seconds the result is the reason.
 *
 * @param checkout folder of the project: the stack's CA is in its `.warren`
 */
export async function observeBrokers(model: EnvironmentModel, checkout: string): Promise<BrokerObservations> {
  const ca = await caOf(model.stack, checkout);
  const clusters = await Promise.all(model.clusters.map((cluster) => observeCluster(cluster, ca)));
  return new Map(model.clusters.map((cluster, index) => [cluster.name, clusters[index] ?? new Map()]));
}

async function caOf(stack: string, checkout: string): Promise<string | undefined> {
  try {
    return await readFile(resolve(checkout, operatorCaFile(stack)), "utf8");
  } catch {
    // A stack without TLS has none. With TLS, requests then fail with an untrusted certificate.
    return undefined;
  }
}

async function observeCluster(cluster: ClusterModel, ca: string | undefined): Promise<ClusterObservation> {
  const views = await Promise.all(cluster.members.map(({ address }) => memberView(cluster, address, ca)));
  return new Map(
    cluster.members.map(({ host }, index) => [host, views[index] ?? { silent: "not asked", loginRefused: false }]),
  );
}

async function memberView(
  cluster: ClusterModel,
  address: string,
  ca: string | undefined,
): Promise<MemberView | Silent> {
  const management = managementOf(cluster, address, ca);
  try {
    const [nodes, objects] = await Promise.all([management.ask(nodesPath), management.ask(objectsPath)]);
    return { nodes: parseNodes(nodes), objects: parseObjects(objects) };
  } catch (error) {
    return { silent: (error as Error).message, loginRefused: error instanceof ManagementError && error.status === 401 };
  } finally {
    management.close();
  }
}
