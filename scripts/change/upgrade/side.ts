import { ledgerLifetime } from "../../../agents/lib/dispatch-topics.ts";
import { UserError } from "../../../agents/lib/errors.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { traitsOf } from "../../../infra/config/series.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { carrierOf } from "../../../infra/model/dispatchers.ts";
import { caFile } from "../../../infra/model/tls.ts";
import type { ClusterModel } from "../../../infra/model/types.ts";
import { managementUrl } from "../../../infra/observe/management.ts";
import type { Value } from "../../../infra/plugins/lib/values.ts";
import { type ApiOptions, ManagementApi } from "../../../infra/plugins/rabbitmq/management-api.ts";
import { poll } from "../../lib/poll.ts";
import { amqpUris, type Carrier, type End, type Fence, type LedgerCarrier, ownPrefix, shovelValue } from "./carrier.ts";

const root = "/";

/** One of the two clusters, used as administrator through the management API. */
export interface Side {
  readonly stack: string;
  readonly cluster: ClusterModel;
  readonly hosts: readonly string[];
  readonly isQuorum: boolean;
  /** How the shovels connect to it; they run on the newer cluster. */
  readonly end: End;
  get(...path: string[]): Promise<Value | undefined>;
  put(path: readonly string[], body: Value): Promise<void>;
  post(path: readonly string[], body: Value): Promise<Value>;
  remove(...path: string[]): Promise<void>;
  close(): void;
}

export function openSide(
  { stack, config }: { readonly stack: string; readonly config: StackConfig },
  name: string,
  ca: string | undefined,
  signal: AbortSignal,
): Side {
  const broker = config.brokers[name];
  const cluster = clusterModels(config).find((one) => one.name === name);
  if (!broker || !cluster) throw new TypeError(`no cluster ${name}`);
  const { administrator, members } = cluster;
  const tls = broker.tls ? { caFile } : undefined;
  const uris = amqpUris(members, administrator, tls ? broker.tlsPort : broker.port, tls);
  return sideOf(cluster, {
    stack,
    endpoints: members.map(({ address }) => managementUrl(cluster, address)),
    isQuorum: traitsOf(broker.series).replication === "quorum",
    end: carrierOf(config) === name ? { here: true } : { here: false, uris },
    ...{ ca, signal },
  });
}

export interface SideOptions extends Pick<Side, "stack" | "isQuorum" | "end"> {
  /** Management APIs of the members; not all of them need to answer. */
  readonly endpoints: ApiOptions["endpoints"];
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
}

export function sideOf(cluster: ClusterModel, { stack, endpoints, isQuorum, end, ca, signal }: SideOptions): Side {
  const { name, administrator, members } = cluster;
  const api = new ManagementApi({ endpoints, username: administrator.name, password: administrator.password, ca });
  const about = (path: readonly string[]) => ({ subject: `${path.join(" ")} of ${name}`, signal });
  const withRemedy = <T>(asked: Promise<T>): Promise<T> =>
    asked.catch((error: Error) => {
      signal.throwIfAborted();
      const remedy = `find the cause with ./warren status -s ${stack}, then run the same command again to continue`;
      throw new UserError(name, error.message, remedy, { cause: error });
    });
  return {
    ...{ stack, cluster, isQuorum, end },
    hosts: members.map(({ host }) => host),
    get: (...path) => withRemedy(api.get(path, about(path))),
    put: (path, body) => withRemedy(api.put(path, body, about(path))),
    post: (path, body) => withRemedy(api.ask(path, body, about(path))),
    remove: (...path) => withRemedy(api.delete(path, about(path))),
    close: () => api.close(),
  };
}

/** Creates the ledger of a host of the other cluster here. From now on it collects what is sent, until a shovel fetches it. */
export async function keepLedger(
  from: Side,
  { queue, keys, fence }: LedgerCarrier,
  exchange: string,
  windowSeconds: number,
) {
  const replicated: Record<string, Value> = from.isQuorum ? { "x-queue-type": "quorum", "x-delivery-limit": -1 } : {};
  await from.put(["queues", root, queue], {
    durable: true,
    arguments: { ...replicated, ...ledgerLifetime(windowSeconds) },
  });
  for (const key of [...keys, fence.topic]) await bind(from, exchange, queue, key);
}

/** Creates the carrier's exchange, bound only to its queue. @throws UserError if there is no such queue */
export async function openWayIn(to: Side, { queue, exchange, keys }: Carrier, fence?: Fence): Promise<void> {
  if ((await to.get("queues", root, queue)) === undefined) {
    const remedy = "let its owner declare it there first, then run the same command again to continue";
    throw new UserError(to.cluster.name, `has no queue ${queue}`, remedy);
  }
  await to.put(["exchanges", root, exchange], { type: "topic", durable: true });
  for (const key of keys) await bind(to, exchange, queue, key);
  if (!fence) return;
  await to.put(["queues", root, fence.queue], { durable: true, arguments: {} });
  await bind(to, exchange, fence.queue, fence.topic);
}

async function bind(side: Side, exchange: string, queue: string, key: string): Promise<void> {
  await side.post(["bindings", root, "e", exchange, "q", queue], { routing_key: key, arguments: {} });
}

/** @param runner the cluster on which shovels run */
export const startShovel = (runner: Side, carrier: Carrier, from: Side, to: Side): Promise<void> =>
  runner.put(["parameters", "shovel", root, carrier.name], {
    value: shovelValue(carrier, from.end, to.end) as unknown as Value,
  });

export const hasShovel = async (runner: Side, { name }: Pick<Carrier, "name">): Promise<boolean> =>
  (await runner.get("parameters", "shovel", root, name)) !== undefined;

export const stopShovel = (runner: Side, { name }: Pick<Carrier, "name">): Promise<void> =>
  runner.remove("parameters", "shovel", root, name);

/** A queue's messages, ready and unacknowledged, and the number of acks, from the broker's statistics, which are some seconds old. */
export async function countOf(side: Side, queue: string): Promise<{ messages: number; acked: number } | undefined> {
  const found = (await side.get("queues", root, queue)) as
    | { messages?: number; message_stats?: { ack?: number } }
    | undefined;
  return found && { messages: found.messages ?? 0, acked: found.message_stats?.ack ?? 0 };
}

const fenceEveryMs = 100;

/** Publishes a marker at one cluster and waits for it at the other: everything published before it has arrived then. */
export async function awaitFence(
  from: Side,
  to: Side,
  { fence }: LedgerCarrier,
  exchange: string,
  { token, withinMs, signal }: { readonly token: string; readonly withinMs: number; readonly signal: AbortSignal },
): Promise<void> {
  await from.post(["exchanges", root, exchange, "publish"], {
    ...{ routing_key: fence.topic, payload: token, payload_encoding: "string" },
    properties: { delivery_mode: 2 },
  });
  const isThere = async () => {
    const got = (await to.post(["queues", root, fence.queue, "get"], {
      ...{ count: 50, ackmode: "ack_requeue_false", encoding: "auto" },
    })) as { payload: string }[];
    return got.some(({ payload }) => payload === token);
  };
  if (await poll(isThere, { everyMs: fenceEveryMs, withinMs, signal })) return;
  throw new UserError(
    from.cluster.name,
    `its announcements have not reached ${to.cluster.name} within ${withinMs / 1000} s`,
    `find the cause with ./warren logs -s ${to.stack} --host ${to.hosts[0]} --agent rabbitmq-server --since 600, then run the same command again to continue`,
  );
}

/** Deletes everything that the move created, except ledger queues that a dispatcher of this cluster reads. */
export async function clearCarried(side: Side, foreignLedgers: readonly string[]): Promise<void> {
  const exchanges = (await side.get("exchanges", root)) as { name: string }[];
  const queues = (await side.get("queues", root)) as { name: string }[];
  for (const { name } of exchanges) if (name.startsWith(ownPrefix)) await side.remove("exchanges", root, name);
  for (const { name } of queues) {
    if (name.startsWith(ownPrefix) || foreignLedgers.includes(name)) await side.remove("queues", root, name);
  }
}
