import { ledgerKeys, ledgerQueueAt } from "../../../agents/lib/dispatch-topics.ts";
import { sharedTopics } from "../../../infra/model/agent-queues.ts";

/** A queue whose messages RabbitMQ's shovel moves to the queue of the same name on another cluster. */
export interface Carrier {
  readonly queue: string;
  /** The exchange it publishes to, bound only to that queue, so that each message keeps its routing key. */
  readonly exchange: string;
  readonly keys: readonly string[];
  /** The shovel's name. */
  readonly name: string;
}

/** Prefix of everything that the verb creates on a broker during an upgrade. */
export const ownPrefix = "warren.carried.";

/** The carrier of the messages left in a queue. */
export const carrierOfQueue = (queue: string): Carrier => ({
  queue,
  exchange: `${ownPrefix}${queue}`,
  keys: ["#"],
  name: `${ownPrefix}${queue}`,
});

/** A marker that shows when everything has arrived: messages keep their order, so a marker sent last arrives last. */
export interface Fence {
  readonly topic: string;
  /** Where the marker arrives. */
  readonly queue: string;
}

/** Carries to a host's dispatcher what the other cluster sends. */
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

/** How a shovel connects to a cluster: on its own node, or by one of these URIs. */
export type End = { readonly here: true } | { readonly here: false; readonly uris: readonly string[] };

const reconnectSeconds = 1;
const prefetch = 500;

/**
 * The value of a shovel's parameter. A message is acked at the source when the destination has confirmed it. A message in flight during a failure may arrive
 * twice; its header `x-shovelled` shows that it was carried. (rabbitmq.com/docs/shovel-dynamic)
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

/** AMQP 0-9-1 URIs of a cluster's members, with the login. The broker stores them encrypted and does not list them. */
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
