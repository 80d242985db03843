import { ledgerKeys, ledgerQueueAt } from "../../../agents/lib/dispatch-topics.ts";
import { sharedTopics } from "../../../infra/model/agent-queues.ts";

/** One queue whose messages RabbitMQ's shovel takes from one cluster to the queue of the same name at another. */
export interface Carrier {
  readonly queue: string;
  /** Through this exchange, which leads to that queue alone: each message keeps its routing key. */
  readonly exchange: string;
  readonly keys: readonly string[];
  /** Of the shovel. */
  readonly name: string;
}

/** All that the verb makes on a broker for the time of an upgrade begins so. */
export const ownPrefix = "warren.carried.";

/** For what is left in a queue. */
export const carrierOfQueue = (queue: string): Carrier => ({
  queue,
  exchange: `${ownPrefix}${queue}`,
  keys: ["#"],
  name: `${ownPrefix}${queue}`,
});

/** By it one asks whether everything has come over: what is put in last comes out last. */
export interface Fence {
  readonly topic: string;
  /** At the end of the way. */
  readonly queue: string;
}

/** What a host's dispatcher has to know of what goes out at the other cluster. */
export interface LedgerCarrier extends Carrier {
  readonly host: string;
  readonly fence: Fence;
}

export function ledgerCarrier(host: string, { notifyTopic }: { readonly notifyTopic: string }): LedgerCarrier {
  const queue = ledgerQueueAt(host);
  return {
    ...carrierOfQueue(queue),
    host,
    keys: ledgerKeys({ notifyTopic, ...sharedTopics }),
    fence: { topic: `v00.urp.fence.${host}`, queue: `${ownPrefix}fence.${host}` },
  };
}

/** How a shovel reaches a cluster: by itself, or by one of these. */
export type End = { readonly here: true } | { readonly here: false; readonly uris: readonly string[] };

const reconnectSeconds = 1;
const prefetch = 500;

/**
 * The value of a shovel's parameter. A message is taken off the one side when the other one has confirmed it: one that was under way when something ended may
 * come twice, and says by its header `x-shovelled` that it was carried. (rabbitmq.com/docs/shovel-dynamic)
 */
export function shovelValue({ queue, exchange }: Carrier, from: End, to: End) {
  return {
    "src-protocol": "amqp091",
    "src-uri": urisOf(from),
    "src-queue": queue,
    "src-prefetch-count": prefetch,
    "dest-protocol": "amqp091",
    "dest-uri": urisOf(to),
    "dest-exchange": exchange,
    "dest-add-forward-headers": true,
    "ack-mode": "on-confirm",
    "reconnect-delay": reconnectSeconds,
  };
}

/** `amqp://` without a host is the node that the shovel runs on. */
const urisOf = (end: End): readonly string[] => (end.here ? ["amqp://"] : end.uris);

export interface MemberAddress {
  readonly address: string;
  readonly host: string;
}

/** AMQP 0-9-1 URIs of a cluster's members, with the login: they are stored encrypted, and shown by no listing. */
export function amqpUris(
  members: readonly MemberAddress[],
  login: { readonly name: string; readonly password: string },
  port: number,
  tls: { readonly caFile: string } | undefined,
): string[] {
  const user = `${encodeURIComponent(login.name)}:${encodeURIComponent(login.password)}`;
  return members.map(({ address, host }) =>
    tls
      ? `amqps://${user}@${address}:${port}?cacertfile=${encodeURIComponent(tls.caFile)}&verify=verify_peer&server_name_indication=${host}`
      : `amqp://${user}@${address}:${port}`,
  );
}
