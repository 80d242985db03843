import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { NoMemberAnswers, oneAfterAnother } from "../../../agents/lib/management.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { type Management, managementOf } from "../../../infra/observe/management.ts";
import { readOperatorCa } from "../../engine/operator-ca.ts";
import type { Chain } from "./chain.ts";
import type { BrokerEvidence, HeadEvidence, MemberEvidence, NodeEvidence, QueueEvidence } from "./evidence.ts";
import { parseHead } from "./queue-head.ts";

const flag = z.boolean().nullish();
const nodesSchema = z.array(
  z.object({
    name: z.string(),
    running: z.boolean().default(false),
    partitions: z.array(z.string()).nullish(),
    mem_alarm: flag,
    disk_free_alarm: flag,
  }),
);
const rate = z.object({ rate: z.number() }).nullish();
const count = z.number().nullish();
const names = z.array(z.string()).nullish();
const queuesSchema = z.array(
  z.object({
    name: z.string(),
    node: z.string().nullish(),
    state: z.string().nullish(),
    messages: count,
    messages_ready: count,
    messages_unacknowledged: count,
    consumers: count,
    message_stats: z.object({ publish_details: rate, ack_details: rate }).nullish(),
    members: names,
    online: names,
    slave_nodes: names,
    synchronised_slave_nodes: names,
  }),
);

const nodesPath = "nodes?columns=name,running,partitions,mem_alarm,disk_free_alarm";
const queueColumns = [
  ...["name", "node", "state", "messages", "messages_ready", "messages_unacknowledged", "consumers"],
  ...["message_stats.publish_details.rate", "message_stats.ack_details.rate"],
  ...["members", "online", "slave_nodes", "synchronised_slave_nodes"],
];
const queuesPath = `queues/%2F?columns=${queueColumns.join(",")}`;

/** The management API of one broker, used as administrator. */
export interface BrokerAsker {
  /** @param withinMs time limit for the members' answers; each request has five seconds in any case */
  ask(withinMs?: number): Promise<BrokerEvidence>;
  /**
   * The first message of a queue. It stays there but is marked as redelivered, so use this only on queues whose messages are redelivered anyway.
   *
   * @returns undefined if the queue is empty
   */
  head(queue: string): Promise<HeadEvidence | { readonly silent: string } | undefined>;
  close(): void;
}

/**
 * @param broker its name in the config
 * @param hosts its members, in the order in which they are asked for queues
 * @param config with its secrets
 */
export async function openBrokerAsker(
  { stack }: Pick<Chain, "stack">,
  broker: string,
  hosts: readonly string[],
  config: StackConfig,
): Promise<BrokerAsker> {
  const cluster = clusterModels(config).find(({ name }) => name === broker);
  if (!cluster) throw new TypeError(`no cluster ${broker}`);
  const ca = await readOperatorCa(stack);
  const members = hosts.map((host) => [host, managementOf(cluster, config.hosts[host]?.address ?? host, ca)] as const);
  return {
    async ask(withinMs) {
      const late = deadlineIn(withinMs);
      const silent: MemberEvidence = { silent: "no answer in time" };
      const views = await Promise.all(
        members.map(
          async ([host, api]) => [host, await Promise.race([nodesOf(api), late.then(() => silent)])] as const,
        ),
      );
      const answering = members.filter(([host]) => views.some(([name, view]) => name === host && "nodes" in view));
      const queues = await Promise.race([queuesOfFirst(answering), late]);
      return { members: Object.fromEntries(views), ...(queues ? { queues } : {}) };
    },
    head: (queue) => headOfFirst(members, queue),
    close: () => {
      for (const [, api] of members) api.close();
    },
  };
}

/** The body is truncated to what is shown. */
export const headQuestion = { count: 1, ackmode: "ack_requeue_true", encoding: "base64", truncate: 500 };

async function headOfFirst(members: readonly (readonly [string, Management])[], queue: string) {
  const path = `queues/%2F/${encodeURIComponent(queue)}/get`;
  try {
    return (await oneAfterAnother(members, async (api) => parseHead(await api.ask(path, headQuestion)))).answer;
  } catch (error) {
    return { silent: error instanceof NoMemberAnswers ? error.reasons : (error as Error).message };
  }
}

/** Does not keep the process alive. */
const deadlineIn = async (ms: number | undefined): Promise<undefined> =>
  ms === undefined ? new Promise<undefined>(() => {}) : sleep(ms, undefined, { ref: false });

async function nodesOf(api: Management): Promise<MemberEvidence> {
  try {
    return { nodes: parseNodes(await api.ask(nodesPath)) };
  } catch (error) {
    return { silent: (error as Error).message };
  }
}

/** Asks only one member, because each knows all queues, and listing them is expensive. */
async function queuesOfFirst(
  members: readonly (readonly [string, Management])[],
): Promise<Record<string, QueueEvidence> | undefined> {
  // If all members fail, the missing queues are the finding.
  const found = await oneAfterAnother(members, async (api) => parseQueues(await api.ask(queuesPath))).catch(
    () => undefined,
  );
  return found && Object.fromEntries(found.answer.map((queue) => [queue.name, queue]));
}

/** @throws Error if the answer has another form */
export function parseNodes(answer: unknown): NodeEvidence[] {
  return nodesSchema.parse(answer).map((node) => ({
    name: node.name,
    running: node.running,
    partitions: node.partitions ?? [],
    memoryAlarm: node.mem_alarm ?? false,
    diskAlarm: node.disk_free_alarm ?? false,
  }));
}

/** Quorum queues list their members, mirrored queues their leader and mirrors. @throws Error if the answer has another form */
export function parseQueues(answer: unknown): QueueEvidence[] {
  return queuesSchema.parse(answer).map((queue) => {
    const leader = queue.node ? [queue.node] : [];
    return {
      name: queue.name,
      // A queue has no state until its statistics arrive.
      state: queue.state ?? "running",
      messages: queue.messages ?? 0,
      ready: queue.messages_ready ?? 0,
      unacknowledged: queue.messages_unacknowledged ?? 0,
      consumers: queue.consumers ?? 0,
      published: queue.message_stats?.publish_details?.rate ?? 0,
      acknowledged: queue.message_stats?.ack_details?.rate ?? 0,
      replicas: queue.members ?? [...leader, ...(queue.slave_nodes ?? [])],
      inStep: queue.online ?? [...leader, ...(queue.synchronised_slave_nodes ?? [])],
    };
  });
}
