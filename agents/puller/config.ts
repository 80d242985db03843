import * as z from "zod";
import { allowedHost } from "../lib/allowed-hosts.ts";
import { commonConfig, exchangeName, queueName } from "../lib/config.ts";
import {
  alternateTopicDefault,
  exchangeDefault,
  notifyTopicDefault,
  peersTopicDefault,
  pulledTopicDefault,
  pullQueueDefault,
  topicPrefix,
  twinTopicDefault,
} from "../lib/dispatch-topics.ts";

/** The puller's config file. Relative paths of `…Directory` keys are relative to the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName.default(exchangeDefault).describe("topic exchange of the announcements"),
  queue: queueName.default(pullQueueDefault).describe("queue shared by all pullers: each message goes to one of them"),
  bindingKeys: z
    .array(z.string().min(1).max(255))
    .min(1)
    .default([`${notifyTopicDefault}.#`, `${twinTopicDefault}.#`])
    .describe("topics the queue is bound to: the dispatcher's first announcements, and the twins that pullers request"),
  notifyTopic: topicPrefix.default(notifyTopicDefault).describe("prefix of the dispatcher's first announcements"),
  alternateTopic: topicPrefix
    .default(alternateTopicDefault)
    .describe("prefix under which a product's other announcement is requested"),
  twinTopic: topicPrefix.default(twinTopicDefault).describe("prefix of announcements that a puller requested"),
  pulledTopic: topicPrefix
    .default(pulledTopicDefault)
    .describe("prefix under which pulled products are reported to the dispatchers"),
  peersTopic: topicPrefix
    .default(peersTopicDefault)
    .describe(
      "topic by which pullers ask each other; the user needs a server-named queue, and write permission on the exchange",
    ),
  peersWaitMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(20_000)
    .describe(
      "longest wait for the other pullers' answers about a redelivered announcement before it is pulled; 0: don't ask",
    ),
  prefetch: z.int().min(1).max(1000).default(1).describe("products pulled at a time; 1 spreads them evenly"),
  alternates: z
    .boolean()
    .default(true)
    .describe(
      "request a product's other announcement if it can't be pulled from one server; false: dead-letter at once",
    ),
  triesBeforeAlternate: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe("attempts before the other announcement is requested; retriesMax then applies to that one"),
  alternateAfterMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(5000)
    .describe("the same, once the attempts took this long: a hanging server is not waited for again and again"),
  originFaultsMax: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe(
      "consecutive unanswered attempts after which a server is considered dead: its products are requested elsewhere at once",
    ),
  originProbeMinMs: z.int().min(10).max(600_000).default(1000).describe("first pause between probes of a dead server"),
  originProbeMaxMs: z.int().min(10).max(600_000).default(30_000),
  receiverQueueDirectory: z.string().min(2).describe("where complete products are placed; one puller per folder"),
  fileMode: z
    .string()
    .regex(/^0?[0-7]{3}$/, "expected an octal mode, e.g. 0644")
    .default("0644")
    .describe("mode of the products, regardless of the umask"),
  allowedHosts: z
    .array(allowedHost)
    .optional()
    .describe("hosts that products may come from: NAME or ADDRESS for any port, or with :PORT; default: any"),
  productBytesMax: z
    .int()
    .min(1)
    .default(1024 * 1024 * 1024)
    .describe("larger products are dead-lettered, not pulled"),
  receipts: z
    .boolean()
    .default(true)
    .describe("report pulled products to the dispatchers; the user needs write permission on the exchange"),
  placedRememberedSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(1800)
    .describe(
      "a product placed within this time is not placed again for its twin or for an unconfirmed publish of the dispatcher; less than dedupWindowSeconds",
    ),
  connectTimeoutMs: z.int().min(100).max(60_000).default(3000),
  pullTimeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(10_000)
    .describe("longest silence of the server, before its answer and between two chunks of the product"),
  pullDeadlineMs: z.int().min(100).max(1_500_000).default(300_000).describe("longest duration of one attempt"),
  retriesMax: z
    .int()
    .min(0)
    .max(1000)
    .default(8)
    .describe(
      "attempts after the first if no other announcement can be requested; then the announcement is dead-lettered",
    ),
  notFoundRetriesMax: z
    .int()
    .min(0)
    .max(1000)
    .default(3)
    .describe("the same if the server does not have the product (404, 410) or refuses it (other 4xx)"),
  retryDelayMinMs: z.int().min(1).max(60_000).default(200).describe("first pause; doubles, with jitter"),
  retryDelayMaxMs: z.int().min(1).max(600_000).default(5000),
  localRetryDelayMaxMs: z
    .int()
    .min(10)
    .max(600_000)
    .default(10_000)
    .describe(
      "longest pause between attempts while this host can't accept products, for example because its disk is full",
    ),
  localHoldMs: z
    .int()
    .min(0)
    .max(1_200_000)
    .default(60_000)
    .describe("after this time the announcement is requeued, for a puller that has room"),
});

export type Config = z.infer<typeof configSchema>;
