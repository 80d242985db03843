import * as z from "zod";
import { amqpConfig } from "../../agents/sender/config.ts";

/** Bytes of the largest message of an agent: a file of a sender. */
const agentsMessageBytesMax = amqpConfig.shape.fileBytesMax.parse(undefined);

/**
 * Limits for outsiders: `anonymous`, MQTT's `everyone`, and the users under `users`. They apply only to what such a user makes, or are so high that no agent comes
 * near them. Each default is far above what a subscriber needs.
 */
export const outsidersSchema = z.strictObject({
  /**
   * Queues on `/`, besides those that the stack knows. A public server has hundreds of subscribers, with a queue each. Each queue gets a copy of
   * each message that it is bound to: 200 with all messages of the radar path, at 20 products a second, take most of two processors. `safe`
   * permissions let anonymous bind one message in seven.
   */
  queuesMax: z.int().min(1).max(100_000).default(1000),
  /** Messages in one queue (`q_anonymous…`, `amq.gen-…`, `mqtt-subscription-…`); the oldest are dropped. The traditional limit of the queue manager. */
  queueMessagesMax: z.int().min(1).default(25_000),
  /** Bytes of message bodies in one queue; the oldest are dropped. The traditional limit of the queue manager. */
  queueBytesMax: z.int().min(1).default(50_000_000),
  /** Seconds after which a queue without a consumer is deleted. A subscriber may be down for a week. */
  queueUnusedSeconds: z
    .int()
    .min(60)
    .max(365 * 86_400)
    .default(604_800),
  /** Connections of one user. All subscribers share `anonymous`. A connection costs up to 200 KB, and a subscriber has one or two. */
  connectionsMax: z.int().min(1).default(2000),
  /** Channels of one user. sr3 opens one or two for each connection. */
  channelsMax: z.int().min(1).default(5000),
  /**
   * Bytes of a message's body, whoever sends it: RabbitMQ has no such limit for one user. The default is a sender's largest file (`fileBytesMax`), so
   * no agent is refused. RabbitMQ holds a message in memory until it is complete, and would accept eight times as much.
   */
  messageBytesMax: z
    .int()
    .min(agentsMessageBytesMax)
    .max(128 * 1024 * 1024)
    .default(agentsMessageBytesMax),
  /**
   * New connections for each address and second, after a burst of ten times as many; the host's firewall drops the rest, and a client tries
   * again a second later. A login costs a broker 5 ms, with TLS 10 ms, so one address can't use more than a twentieth of a processor.
   */
  connectionsPerSecond: z.int().min(1).max(10_000).default(5),
  /**
   * Bytes that each address may send in a second, after a burst of eight times as many; the firewall drops the rest, so TCP slows down. No
   * limit on a queue counts unacknowledged messages, so this one limits how fast a client can fill the disk. Subscribers send only
   * acknowledgements.
   */
  bytesPerSecond: z.int().min(1000).max(500_000_000).default(1_000_000),
  /**
   * Bytes that each address receives in a second, after a burst of eight times as many. The broker sends nothing more to a client until the
   * client has received what was sent, so further messages stay in their queues, within the limits above. The default is a thousand announcements a
   * second.
   */
  receivedBytesPerSecond: z.int().min(1000).max(500_000_000).default(500_000),
  /** Networks without the firewall's three limits, besides the stack's hosts and the networks of `management.from`. */
  exempt: z.array(z.cidrv4("expected a network, e.g. 10.0.0.0/8")).default([]),
});

export type OutsidersConfig = z.infer<typeof outsidersSchema>;
