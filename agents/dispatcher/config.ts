import { isIP } from "node:net";
import { hostname } from "node:os";
import { z } from "zod";
import { commonConfig, exchangeName, queueName } from "../lib/config.ts";
import {
  alternateTopicDefault,
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

/** The broker takes a delivery back that was not settled for half an hour (its consumer_timeout): a doubt ends before. */
const doubtSecondsMax = 1700;

/**
 * With fewer deliveries in hand no share of them leaves room for the others: one request of a puller that waits for a twin, ten minutes
 * long, or one doubt would be all that there is, and nothing would be dispatched meanwhile.
 */
export const prefetchMin = 8;

/** At the bound nothing is taken for a whole window. A handful would be reached by what is on its way. */
export const entriesMin = 1000;

/** Loaded brokers confirm after a third of a second on average: with less patience every connection is dropped, again and again. */
const confirmTimeoutMinMs = 1000;

const own = {
  exchange: exchangeName.default(exchangeDefault).describe("topic exchange of all announcements"),
  inputQueue: queueName.default("cmc.urp.input").describe("keeps what comes in while no dispatcher takes it"),
  inputTopic: topicPrefix.default(inputTopicDefault).describe("announcements come in under this and what follows"),
  notifyTopic: topicPrefix
    .default(notifyTopicDefault)
    .describe("the first of each product goes out under this instead"),
  alternateTopic: topicPrefix.default(alternateTopicDefault).describe("pullers ask for a product's twin under this"),
  twinTopic: topicPrefix.default(twinTopicDefault).describe("the twin they asked for goes out under this"),
  pulledTopic: topicPrefix.default(pulledTopicDefault).describe("pullers say under this which product they have"),
  markerTopic: topicPrefix.default(markerTopicDefault).describe("this and the host's name: how far the ledger is read"),
  outputQueues: z
    .array(queueName)
    .default([pullQueueDefault])
    .describe("declared and bound to everything dispatched, so that nothing is lost before the first puller comes"),
  hostName: topicPrefix.optional().describe("names ledger queue and markers; left out: what the host calls itself"),
  ledgerQueue: queueName
    .optional()
    .describe("this host's own copy of all that goes out; left out: cmc.urp.ledger. and the host's name"),
  vip: z
    .strictObject({ address: z.string().refine((text) => isIP(text) !== 0, "expected an IP address") })
    .optional()
    .describe("works only while this host holds the address; without it, always"),
  dedupWindowSeconds: z
    .int()
    .min(1)
    .max(604_800)
    .default(7200)
    .describe("how long a product's name is remembered, counted from its first arrival"),
  entriesMax: z
    .int()
    .min(entriesMin)
    .max(10_000_000)
    .default(2_000_000)
    .describe("products remembered, about 50 bytes each; at the bound it stops taking"),
  prefetch: z.int().min(prefetchMin).max(10_000).default(2000).describe("announcements in hand at once"),
  retryDelayMinMs: z.int().min(1).max(60_000).default(100).describe("after a publish that was returned or refused"),
  retryDelayMaxMs: z.int().min(1).max(600_000).default(5000),
  confirmTimeoutMs: z
    .int()
    .min(confirmTimeoutMinMs)
    .max(600_000)
    .default(10_000)
    .describe("a publish unconfirmed for so long, without an alarm at the broker: connects anew"),
  giveUpMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(1000)
    .describe("when the address left: what is not confirmed within this dies with the connection"),
  receipts: z
    .boolean()
    .default(true)
    .describe("pullers say what they have (pulledTopic); false where any of them does not"),
  doubtSeconds: z
    .int()
    .min(1)
    .max(doubtSecondsMax)
    .default(30)
    .describe(
      "with receipts: how long one is waited for where a later product's has come; three times that where the pull queue stays empty; then a product that may be lost goes out again",
    ),
  doubtMaxSeconds: z
    .int()
    .min(1)
    .max(doubtSecondsMax)
    .default(1200)
    .describe("the same in any case, as while all pullers are down"),
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
    .describe("products whose requests may wait for one; what waits is never more than a quarter of prefetch"),
  standbyServeDelayMs: z
    .int()
    .min(0)
    .max(60_000)
    .default(1000)
    .describe("a standby that keeps the twin asked for sends it when nobody else has within this"),
  silenceSeconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(300)
    .describe("a source that announced nothing for so long while another did is an alarm"),
  topologyCheckSeconds: z
    .int()
    .min(1)
    .max(3600)
    .default(30)
    .describe("how often queues are looked for and bound again while connected"),
};

/** Without what all agents have in common. */
export const ownSchema = z.object(own).superRefine(checkOwn);

/** What the dispatcher can be told. `example.json` says more. */
export const configSchema = commonConfig.extend(own).superRefine(checkOwn);

const topicNames = ["inputTopic", "notifyTopic", "alternateTopic", "twinTopic", "pulledTopic", "markerTopic"] as const;

/** Rules over several keys. */
function checkOwn(config: z.infer<z.ZodObject<typeof own>>, context: z.RefinementCtx): void {
  if (config.retryDelayMinMs > config.retryDelayMaxMs) {
    const message = `expected at most retryDelayMaxMs (${config.retryDelayMaxMs})`;
    context.addIssue({ code: "custom", path: ["retryDelayMinMs"], message, input: config.retryDelayMinMs });
  }
  if (config.entriesMax < config.prefetch) {
    const message = `expected at least prefetch (${config.prefetch}): what is in hand would fill it`;
    context.addIssue({ code: "custom", path: ["entriesMax"], message, input: config.entriesMax });
  }
  if (config.doubtSeconds > config.doubtMaxSeconds) {
    const message = `expected at most doubtMaxSeconds (${config.doubtMaxSeconds})`;
    context.addIssue({ code: "custom", path: ["doubtSeconds"], message, input: config.doubtSeconds });
  }
  if (config.receipts && config.outputQueues.length > 1) {
    const message =
      "expected one queue where pullers send receipts (receipts: true): a receipt does not say from which queue";
    context.addIssue({ code: "custom", path: ["outputQueues"], message, input: config.outputQueues });
  }
  const topics = topicNames.map((name) => `${config[name]}.`);
  for (const [index, name] of topicNames.entries()) {
    const inside = topics.findIndex((other, at) => at !== index && topics[index]?.startsWith(other));
    if (inside < 0) continue;
    const message = `expected a topic of its own, but it is within ${topicNames[inside]}`;
    context.addIssue({ code: "custom", path: [name], message, input: config[name] });
  }
}

export type Config = z.infer<typeof configSchema>;

/** Two dispatchers that shared a ledger would each read half of it: every host has its own, whatever is left out. */
export function hostNameOf(config: Config): string {
  return config.hostName ?? hostname();
}

export function ledgerQueueOf(config: Config): string {
  return config.ledgerQueue ?? ledgerQueueAt(hostNameOf(config));
}

/**
 * After so long without any delivery the ledger is read up to a marker before the next is decided: another host may
 * have worked meanwhile. Under load there is no such pause, and after one it costs the first product some 20 ms.
 */
const deliveryGapMs = 1000;

/** What the core is told of the config: its times in milliseconds, and what it may do with the prefetch. */
export function coreOptionsOf(config: Config): CoreOptions {
  const { inputTopic, notifyTopic, alternateTopic, twinTopic, entriesMax, receipts } = config;
  const { giveUpMs, confirmTimeoutMs, standbyServeDelayMs } = config;
  return {
    ...{ inputTopic, notifyTopic, alternateTopic, twinTopic, entriesMax, receipts },
    ...{ giveUpMs, confirmTimeoutMs, standbyServeDelayMs, deliveryGapMs },
    ...sharesOf(config),
    retry: { minMs: config.retryDelayMinMs, maxMs: config.retryDelayMaxMs },
    doubtMs: config.doubtSeconds * 1000,
    doubtMaxMs: config.doubtMaxSeconds * 1000,
    alternateWaitMs: config.alternateWaitSeconds * 1000,
  };
}

/** How the deliveries in hand are shared out: none of these may leave no room for announcements. */
export function sharesOf({ alternatesWaitingMax, prefetch }: Config) {
  const share = (part: number): number => Math.max(1, Math.floor(prefetch * part));
  return {
    publishingMax: share(publishingShare),
    doubtsMax: share(doubtsShare),
    alternatesWaitingMax: Math.min(alternatesWaitingMax, share(alternatesShare / requestsKept)),
  };
}

/** The latter two together are less than all. */
const publishingShare = 0.5;
const doubtsShare = 0.6;
const alternatesShare = 0.25;
