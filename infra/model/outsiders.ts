import type { BrokerLimits } from "../commands/rabbitmq.ts";
import { twinUser } from "../config/announcements.ts";
import { type BrokerConfig, mqttUser } from "../config/brokers.ts";
import { queueManagerUser } from "../config/datamart.ts";
import { hostsWith } from "../config/hosts.ts";
import type { StackConfig } from "../config/index.ts";
import { hasPullers, knownQueues } from "./agent-queues.ts";
import type { PolicyModel, UserModel } from "./types.ts";

/** Names of outsiders' queues. Of the agents, only pullers have queues with such names, which are always empty. */
const outsidersQueues = "^(q_anonymous|amq\\.gen-)";
const withMqttQueues = "^(q_anonymous|amq\\.gen-|mqtt-subscription-)";
const policyName = "outsiders";

/** The operator policy for outsiders' queues, whatever their clients declare. A policy of this name in the config replaces it. */
export function outsidersPolicies({ outsiders, operatorPolicies, mqtt }: BrokerConfig): PolicyModel[] {
  if (!outsiders || operatorPolicies.some(({ name }) => name === policyName)) return [];
  return [
    {
      name: policyName,
      pattern: mqtt ? withMqttQueues : outsidersQueues,
      applyTo: "queues",
      priority: 0,
      definition: {
        "max-length": outsiders.queueMessagesMax,
        "max-length-bytes": outsiders.queueBytesMax,
        expires: outsiders.queueUnusedSeconds * 1000,
      },
    },
  ];
}

/**
 * A cluster's limits for outsiders; undefined if it has none. RabbitMQ counts all queues, so the number of the stack's own is added to the limit.
 * Agents' queues are durable, and declaring an existing queue is never refused. A puller's queue for questions ends with its connection, so two are
 * added for each puller.
 *
 * @param users of the cluster
 */
export function outsidersLimits(
  config: StackConfig,
  cluster: string,
  users: readonly UserModel[],
): BrokerLimits | undefined {
  const { outsiders, users: given = {}, administrator, mqtt } = config.brokers[cluster] ?? {};
  if (!outsiders) return undefined;
  const agents = config.announcements.user;
  const own = new Set([administrator, agents, twinUser(agents), queueManagerUser]);
  const strangers = new Set(["anonymous", ...(mqtt ? [mqttUser] : []), ...Object.keys(given)]);
  const isOutsider = (name: string) => !own.has(name) && strangers.has(name);
  const { connectionsMax, channelsMax } = outsiders;
  const pullers = hasPullers(config) ? hostsWith(config, "pds") : [];
  return {
    queuesMax: outsiders.queuesMax + knownQueues(config, cluster).length + 2 * pullers.length,
    users: users.map(({ name }) => (isOutsider(name) ? { name, limits: { connectionsMax, channelsMax } } : { name })),
  };
}
