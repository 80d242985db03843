import { isIP } from "node:net";
import { hostname } from "node:os";
import * as z from "zod";
import { commonConfig, exchangeName, queueName } from "../lib/config.ts";
import {
  alternateTopicDefault,
  dedupWindowSeconds,
  exchangeDefault,
  inputTopicDefault,
  ledgerQueueAt,
  markerTopicDefault,
  notifyTopicDefault,
  pulledTopicDefault,
  pullQueueDefault,
  topicPrefix,
  twinTopicDefault,
} from "../lib/dispatch-topics.ts";
import type { CoreOptions } from "./core-options.ts";
import { requestsKept } from "./waiting-requests.ts";

/**
 * The broker requeues a delivery that is unsettled for half an hour (its consumer_timeout). An unconfirmed delivery is settled
 * before that.
 */
const doubtSecondsMax = 1700;

/**
 * A smaller prefetch can't be divided among all uses. A single puller's request that waits ten minutes for a twin, or a single
 * unconfirmed delivery, would fill it, and nothing would be dispatched meanwhile.
 */
export const prefetchMin = 8;

/** At the limit, nothing is accepted for a whole window. Products in flight alone could reach a limit of a handful. */
const entriesMin = 1000;

/** Loaded brokers confirm after a third of a second on average. A shorter timeout would drop every connection again and again. */
const confirmTimeoutMinMs = 1000;

const own = {
  exchange: exchangeName.default(exchangeDefault).describe("topic exchange of all announcements"),
  inputQueue: queueName
    .default("cmc.urp.input")
    .describe("queue that keeps announcements while no dispatcher consumes it"),
  inputTopic: topicPrefix.default(inputTopicDefault).describe("prefix of the topics under which announcements arrive"),
  notifyTopic: topicPrefix
    .default(notifyTopicDefault)
    .describe("prefix under which the first announcement of each product is published"),
  notifyKey: z
    .enum(["path", "exact"])
    .default("path")
    .describe(
      "path: the words after inputTopic follow notifyTopic in the routing key; exact: the key is notifyTopic itself",
    ),
  alternateTopic: topicPrefix
    .default(alternateTopicDefault)
    .describe("prefix under which pullers request a product's twin"),
  twinTopic: topicPrefix.default(twinTopicDefault).describe("prefix under which a requested twin is published"),
  pulledTopic: topicPrefix
    .default(pulledTopicDefault)
    .describe("prefix under which pullers report the products they have"),
  markerTopic: topicPrefix
    .default(markerTopicDefault)
    .describe("prefix, followed by the host's name, of the markers that show how far the ledger is read"),
  outputQueues: z
    .array(queueName)
    .default([pullQueueDefault])
    .describe(
      "queues declared and bound to everything dispatched, so that nothing is lost before the first puller starts",
    ),
  hostName: topicPrefix
    .optional()
    .describe("name used for the ledger queue and the markers; default: the system's host name"),
  ledgerQueue: queueName
    .optional()
    .describe("queue with this host's own copy of everything published; default: cmc.urp.ledger. and the host's name"),
  vip: z
    .strictObject({ address: z.string().refine((text) => isIP(text) !== 0, "expected an IP address") })
    .optional()
    .describe("dispatch only while this host holds the address; if omitted, always"),
  dedupWindowSeconds,
  entriesMax: z
    .int()
    .min(entriesMin)
    .max(10_000_000)
    .default(2_000_000)
    .describe("products remembered, about 50 bytes each; at the limit no announcements are accepted"),
  prefetch: z.int().min(prefetchMin).max(10_000).default(2000).describe("unacknowledged announcements at most"),
  retryDelayMinMs: z
    .int()
    .min(1)
    .max(60_000)
    .default(100)
    .describe("pause before a returned or refused publish is tried again"),
  retryDelayMaxMs: z.int().min(1).max(600_000).default(5000),
  confirmTimeoutMs: z
    .int()
    .min(confirmTimeoutMinMs)
    .max(600_000)
    .default(10_000)
    .describe("reconnect if a publish is unconfirmed for this long and the broker has no alarm"),
  giveUpMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(1000)
    .describe("after the address is lost: publishes not confirmed within this time are dropped with the connection"),
  receipts: z
    .boolean()
    .default(true)
    .describe("pullers report which products they have (pulledTopic); false if any of them does not"),
  doubtSeconds: z
    .int()
    .min(1)
    .max(doubtSecondsMax)
    .default(30)
    .describe(
      "with receipts: how long to wait for a product's receipt once a later product's receipt has arrived (three times as long while the pull queue is empty), before a product that may be lost is published again",
    ),
  doubtMaxSeconds: z
    .int()
    .min(1)
    .max(doubtSecondsMax)
    .default(1200)
    .describe("with receipts: how long to wait for one in any case, for example while all pullers are down"),
  alternateWaitSeconds: z
    .int()
    .min(1)
    .max(doubtSecondsMax)
    .default(600)
    .describe("how long a puller's request waits for a twin"),
  alternatesWaitingMax: z
    .int()
    .min(1)
    .max(10_000)
    .default(200)
    .describe(
      "products whose requests may wait for a twin; waiting requests never use more than a quarter of prefetch",
    ),
  standbyServeDelayMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(1000)
    .describe("how long a standby that keeps a requested twin waits for another host to send it, before it does"),
  silenceSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(300)
    .describe("alarm if a source announces nothing for this long while another source does"),
  topologyCheckSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(30)
    .describe("how often queues and bindings are checked, and declared again, while connected"),
};

/** Without the settings that all agents have in common. */
export const ownSchema = z.object(own).superRefine(checkOwn);

/** The dispatcher's configuration. See `example.json` for an annotated one. */
export const configSchema = commonConfig.extend(own).superRefine(checkOwn);

const topicNames = ["inputTopic", "notifyTopic", "alternateTopic", "twinTopic", "pulledTopic", "markerTopic"] as const;

/** Rules over several keys. */
function checkOwn(config: z.infer<z.ZodObject<typeof own>>, context: z.RefinementCtx): void {
  if (config.retryDelayMinMs > config.retryDelayMaxMs) {
    const message = `expected at most retryDelayMaxMs (${config.retryDelayMaxMs})`;
    context.addIssue({ code: "custom", path: ["retryDelayMinMs"], message, input: config.retryDelayMinMs });
  }
  if (config.entriesMax < config.prefetch) {
    const message = `expected at least prefetch (${config.prefetch}): unacknowledged announcements alone would fill it`;
    context.addIssue({ code: "custom", path: ["entriesMax"], message, input: config.entriesMax });
  }
  if (config.doubtSeconds > config.doubtMaxSeconds) {
    const message = `expected at most doubtMaxSeconds (${config.doubtMaxSeconds})`;
    context.addIssue({ code: "custom", path: ["doubtSeconds"], message, input: config.doubtSeconds });
  }
  if (config.receipts && config.outputQueues.length > 1) {
    const message =
      "expected one queue because pullers send receipts (receipts: true): a receipt does not name its queue";
    context.addIssue({ code: "custom", path: ["outputQueues"], message, input: config.outputQueues });
  }
  const topics = topicNames.map((name) => `${config[name]}.`);
  for (const [index, name] of topicNames.entries()) {
    const inside = topics.findIndex((other, at) => at !== index && topics[index]?.startsWith(other));
    if (inside < 0) continue;
    const message = `expected a topic of its own, not one within ${topicNames[inside]}`;
    context.addIssue({ code: "custom", path: [name], message, input: config[name] });
  }
}

export type Config = z.infer<typeof configSchema>;

/** Two dispatchers that share a ledger would each read half of it, so every host has its own name, whatever the config omits. */
export function hostNameOf(config: Config): string {
  return config.hostName ?? hostname();
}

export function ledgerQueueOf(config: Config): string {
  return config.ledgerQueue ?? ledgerQueueAt(hostNameOf(config));
}

/**
 * After this long without a delivery, the ledger is read up to a marker before the next one is decided, because another host may
 * have been active meanwhile. Under load there is no such pause; after one, the first product is delayed by some 20 ms.
 */
const deliveryGapMs = 1000;

/** The core's options: the config's times in milliseconds, and the shares of the prefetch. */
export function coreOptionsOf(config: Config): CoreOptions {
  const { inputTopic, notifyTopic, notifyKey, alternateTopic, twinTopic, entriesMax, receipts } = config;
  const { giveUpMs, confirmTimeoutMs, standbyServeDelayMs } = config;
  return {
    ...{ inputTopic, notifyTopic, notifyKey, alternateTopic, twinTopic, entriesMax, receipts },
    ...{ giveUpMs, confirmTimeoutMs, standbyServeDelayMs, deliveryGapMs },
    ...sharesOf(config),
    retry: { minMs: config.retryDelayMinMs, maxMs: config.retryDelayMaxMs },
    doubtMs: config.doubtSeconds * 1000,
    doubtMaxMs: config.doubtMaxSeconds * 1000,
    alternateWaitMs: config.alternateWaitSeconds * 1000,
  };
}

/** Divides the prefetch. Each share must leave room for announcements. */
export function sharesOf({ alternatesWaitingMax, prefetch }: Config) {
  const share = (part: number): number => Math.max(1, Math.floor(prefetch * part));
  return {
    publishingMax: share(publishingShare),
    doubtsMax: share(doubtsShare),
    alternatesWaitingMax: Math.min(alternatesWaitingMax, share(alternatesShare / requestsKept)),
  };
}

/** The latter two together are less than the whole prefetch. */
const publishingShare = 0.5;
const doubtsShare = 0.6;
const alternatesShare = 0.25;
