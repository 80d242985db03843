import { hostname } from "node:os";
import * as z from "zod";
import { commonConfig, exchangeName } from "../lib/config.ts";
import {
  announcedTopicDefault,
  auditQueueAt,
  dedupWindowSeconds,
  exchangeDefault,
  notifyTopicDefault,
  pulledTopicDefault,
  topicPrefix,
  twinTopicDefault,
} from "../lib/dispatch-topics.ts";

/** An hour at 50 products a second: two announcements, a dispatch and a receipt for each. */
const queueMessagesMaxDefault = 720_000;

/** Products of a day at 50 a second, or of a week at eight, in at most two gigabytes (`load.long.test.ts` measures them). */
const productsMaxDefault = 5_000_000;

/** The auditor's configuration. See `example.json` for an annotated one. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName.default(exchangeDefault).describe("topic exchange of all announcements"),
  announcedTopic: topicPrefix
    .default(announcedTopicDefault)
    .describe("topic of the copies that announcers send of confirmed announcements"),
  notifyTopic: topicPrefix
    .default(notifyTopicDefault)
    .describe("prefix under which the first announcement of each product is published"),
  twinTopic: topicPrefix.default(twinTopicDefault).describe("prefix under which a requested twin is published"),
  pulledTopic: topicPrefix.default(pulledTopicDefault).describe("topic under which pullers report placed products"),
  hostName: topicPrefix.optional().describe("name used for the queue; default: the system's host name"),
  queueMessagesMax: z
    .int()
    .min(100)
    .max(10_000_000)
    .default(queueMessagesMaxDefault)
    .describe("messages kept in its queue while it is away, about 600 bytes each; the oldest are dropped beyond"),
  brokerMayDiscard: z
    .boolean()
    .default(false)
    .describe(
      "brokers may discard what they confirmed, as mirrored ones do after a partition: each lost connection is a gap",
    ),
  radarServers: z
    .record(z.string().min(1).max(253), z.array(z.string().min(1).max(260)))
    .default({})
    .describe("radar servers by name, each with the hosts in its announcements' URLs; all others count as `other`"),
  overdueSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(120)
    .describe("a product that is not placed this long after its first announcement is overdue"),
  dedupWindowSeconds,
  keepDays: z.int().min(1).max(90).default(7).describe("how long products are kept"),
  keepHistoryDays: z
    .int()
    .min(31)
    .max(4000)
    .default(400)
    .describe("how long the sums of each hour and the alerts are kept, for monthly reports"),
  prometheusUrl: z
    .url({ protocol: /^http$/ })
    .optional()
    .describe(
      "the local Prometheus, from which alerts and the hours of the public path are kept; default: none are kept",
    ),
  productsMax: z
    .int()
    .min(1000)
    .max(50_000_000)
    .default(productsMaxDefault)
    .describe("products kept at most, about 400 bytes each; the oldest are deleted beyond"),
  prefetch: z.int().min(100).max(65_535).default(5000).describe("unacknowledged messages at most"),
  commitMs: z.int().min(10).max(10_000).default(250).describe("how often what was read is committed and acknowledged"),
  checkMs: z.int().min(50).max(60_000).default(2000).describe("how often the queue is checked for limit and backlog"),
  topologyCheckSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(30)
    .describe("how often queues and bindings are declared again, while connected"),
});

export type Config = z.infer<typeof configSchema>;

export const auditQueueOf = ({ hostName = hostname() }: Pick<Config, "hostName">): string => auditQueueAt(hostName);
