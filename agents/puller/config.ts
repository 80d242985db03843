import { z } from "zod";
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

/** The puller's config file. Relative paths of `…Directory` are taken from the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName.default(exchangeDefault).describe("topic exchange that announcements come from"),
  queue: queueName.default(pullQueueDefault).describe("shared by all pullers: each message goes to one"),
  bindingKeys: z
    .array(z.string().min(1).max(255))
    .min(1)
    .default([`${notifyTopicDefault}.#`, `${twinTopicDefault}.#`])
    .describe("topics the queue is bound to: the dispatcher's first announcements, and the twins that pullers ask for"),
  notifyTopic: topicPrefix
    .default(notifyTopicDefault)
    .describe("what comes under this is the dispatcher's first of a product"),
  alternateTopic: topicPrefix
    .default(alternateTopicDefault)
    .describe("a product's other announcement is asked for under this"),
  twinTopic: topicPrefix.default(twinTopicDefault).describe("what comes under this was asked for by a puller"),
  pulledTopic: topicPrefix.default(pulledTopicDefault).describe("dispatchers are told under this what is pulled"),
  peersTopic: topicPrefix
    .default(peersTopicDefault)
    .describe(
      "pullers ask each other under this; the user needs a server-named queue, and write permission on the exchange",
    ),
  peersWaitMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(20_000)
    .describe(
      "longest wait for the other pullers' word on what is given out again; it is pulled then; 0: nobody is asked",
    ),
  prefetch: z.int().min(1).max(1000).default(1).describe("products pulled at a time; 1 spreads them evenly"),
  alternates: z
    .boolean()
    .default(true)
    .describe("what can't be pulled from one server is asked for from the other; false: it is put aside at once"),
  triesBeforeAlternate: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe("tries after which the other announcement is asked for; retriesMax then counts for that one"),
  alternateAfterMs: z
    .int()
    .min(0)
    .max(600_000)
    .default(5000)
    .describe("the same once the tries took so long: a server that hangs is not waited for again and again"),
  originFaultsMax: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe(
      "tries in a row without any answer after which a server is taken for dead: its products are asked for at once",
    ),
  originProbeMinMs: z.int().min(10).max(600_000).default(1000).describe("first pause between probes of a dead server"),
  originProbeMaxMs: z.int().min(10).max(600_000).default(30_000),
  receiverQueueDirectory: z.string().min(2).describe("where whole products are put; one puller a folder"),
  fileMode: z
    .string()
    .regex(/^0?[0-7]{3}$/, "expected an octal mode, e.g. 0644")
    .default("0644")
    .describe("mode of the products, whatever the umask"),
  allowedHosts: z
    .array(allowedHost)
    .optional()
    .describe("hosts that products may come from: NAME or ADDRESS, for any port, or with :PORT; left out: any"),
  productBytesMax: z
    .int()
    .min(1)
    .default(1024 * 1024 * 1024)
    .describe("a larger product is not pulled, but put aside"),
  receipts: z
    .boolean()
    .default(true)
    .describe("tell the dispatchers which products are pulled; the user needs write permission on the exchange"),
  placedRememberedSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(1800)
    .describe(
      "a product placed within this is not placed again for its twin, or for what the dispatcher sends in doubt; less than dedupWindowSeconds",
    ),
  connectTimeoutMs: z.int().min(100).max(60_000).default(3000),
  pullTimeoutMs: z
    .int()
    .min(100)
    .max(600_000)
    .default(10_000)
    .describe("longest silence of the server: before its answer, and between two pieces of the product"),
  pullDeadlineMs: z.int().min(100).max(1_500_000).default(300_000).describe("longest time for one try, all in all"),
  retriesMax: z
    .int()
    .min(0)
    .max(1000)
    .default(8)
    .describe("tries after the first, where nobody else can be asked; then it is a dead letter"),
  notFoundRetriesMax: z
    .int()
    .min(0)
    .max(1000)
    .default(3)
    .describe("the same where the server has no such product (404, 410) or refuses it (other 4xx)"),
  retryDelayMinMs: z.int().min(1).max(60_000).default(200).describe("first pause; doubles, with jitter"),
  retryDelayMaxMs: z.int().min(1).max(600_000).default(5000),
  localRetryDelayMaxMs: z
    .int()
    .min(10)
    .max(600_000)
    .default(10_000)
    .describe("longest pause between tries while this host can't take the product, e.g. disk full"),
  localHoldMs: z
    .int()
    .min(0)
    .max(1_200_000)
    .default(60_000)
    .describe("after this the product goes back to the queue, where a puller with room may have it"),
});

export type Config = z.infer<typeof configSchema>;
