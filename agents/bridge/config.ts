import * as z from "zod";
import { allowedHost } from "../lib/allowed-hosts.ts";
import { brokerConfig, commonConfig, exchangeName, queueName } from "../lib/config.ts";
import { topicPrefix } from "../lib/dispatch-topics.ts";
import { centreId, wisRules, wisTopicPrefix } from "../lib/wis-rules.ts";

/** Formats whose checksums name their method. */
const plainFormat = z.enum(["v02", "v03", "exp"]);
const keyOf = z
  .enum(["product-name", "content"])
  .default("product-name")
  .describe("input of the md5 in v00: the product's name on radar servers, its content on public servers");

const place = {
  exchange: exchangeName,
  topicPrefix: topicPrefix.describe("first words of the routing key; the folders follow, identical in each format"),
};
const v00 = z.strictObject({ format: z.literal("v00"), ...place, keyOf });
const plain = z.strictObject({ format: plainFormat, ...place });

/** Global Brokers let anybody read as `everyone`, with the same password. */
export const publicAccount = "everyone";
const globalBroker = z.strictObject({
  url: z
    .string()
    .regex(
      /^mqtts?:\/\/(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?$/,
      "expected mqtts://host or mqtts://host:port",
    )
    .describe("mqtts for TLS"),
  user: z.string().min(1).default(publicAccount),
  passwordFile: z.string().min(1).optional().describe(`file with the password; default: it is "${publicAccount}"`),
  caFile: z.string().min(1).optional().describe("trusted CAs, PEM; default: the public ones"),
});
const globalBrokers = z.strictObject({
  brokers: z
    .array(globalBroker)
    .min(1)
    .max(8)
    .describe("all are read at once; a product comes from the first that notifies"),
  topics: z
    .array(
      z.string().regex(/^(?:origin|cache)\/a\/wis2\/[^\0]+$/, "expected a topic under origin/a/wis2/ or cache/a/wis2/"),
    )
    .min(1)
    .max(100)
    .describe("MQTT topics with + and #, e.g. cache/a/wis2/+/data/core/weather/surface-based-observations/#"),
  clientId: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("name of the session; default: the host's name and the queue's"),
  sessionSeconds: z
    .int()
    .min(0)
    .max(4_000_000_000)
    .default(86_400)
    .describe("brokers keep notifications for this time while the bridge is away, within their own limits"),
});
const fetching = z.strictObject({
  productDirectory: z
    .string()
    .min(2)
    .describe("fetched products are placed below it, under their data id; one bridge per folder"),
  baseUrl: z
    .string()
    .regex(/^[a-z]+:\/\/[^\s?#]+\/$/, "expected an absolute URL that ends in /")
    .describe("URL under which a server offers that folder; products are announced there"),
  allowedHosts: z
    .array(allowedHost)
    .min(1)
    .describe("hosts that products may come from, by http or https: caches, origins; NAME or ADDRESS, or with :PORT"),
  connectTimeoutMs: z.int().min(100).max(60_000).default(5000),
  pullTimeoutMs: z.int().min(100).max(600_000).default(10_000).describe("longest silence of the server"),
  pullDeadlineMs: z.int().min(100).max(1_500_000).default(300_000).describe("longest duration of one attempt"),
  productBytesMax: z
    .int()
    .min(1)
    .default(1024 * 1024 * 1024)
    .describe("larger products are dead-lettered"),
  retriesMax: z
    .int()
    .min(0)
    .max(100)
    .default(4)
    .describe("attempts after the first; then the notification is dead-lettered"),
  retryDelayMinMs: z.int().min(1).max(60_000).default(500).describe("first pause; doubles, with jitter"),
  retryDelayMaxMs: z.int().min(1).max(600_000).default(10_000),
  reportBy: centreId
    .optional()
    .describe(
      "our centre id; with it, /metrics has the WMO's metrics of a Global Cache, wmo_wis2_gc_…, for each centre",
    ),
  rememberedMax: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(200_000)
    .describe("latest products of which repeats are recognized"),
});
const fromWis = z.strictObject({
  format: z.literal("wis"),
  ...place,
  globalBrokers: globalBrokers
    .optional()
    .describe(
      "WIS2 Global Brokers, whose notifications are published on the exchange, under topicPrefix and their topic from the centre on",
    ),
  fetch: fetching
    .optional()
    .describe(
      "fetch each product once, verify it, and announce it at its new URL; default: announce the URL in the notification",
    ),
});
const from = z.discriminatedUnion("format", [v00, plain, fromWis]);
/** The routing key is made by the rules. */
const toWis = z.strictObject({ format: z.literal("wis"), exchange: exchangeName, ...wisRules });
const to = z.discriminatedUnion("format", [v00, plain, toWis]);

const bridgeObject = commonConfig.extend({
  toBroker: brokerConfig.optional().describe("another broker to announce to; default: the same broker"),
  queue: queueName.describe(
    "durable queue; it keeps announcements while the bridge is down; bridges that share it share its messages",
  ),
  from: from.describe("announcements to consume"),
  to: z.array(to).min(1).max(8).describe("every announcement is republished in each of these formats"),
  declareExchanges: z.boolean().default(true).describe("declare missing exchanges; false if this user may not"),
  prefetch: z.int().min(1).max(1000).default(200).describe("announcements in flight at a time"),
  requireQueue: z
    .boolean()
    .default(false)
    .describe("true: keep an announcement that reaches no queue and retry until it does; false: drop it"),
});

/** The bridge's config file. Relative paths in `…File` start from the config file's folder. */
export const configSchema = bridgeObject.superRefine(checkEcho);

export type Config = z.infer<typeof configSchema>;

/** First words of the routing keys of one target. */
export const prefixOf = (target: Config["to"][number]): string =>
  target.format === "wis" ? wisTopicPrefix(target) : target.topicPrefix;

/** Rule across keys: a bridge must not consume its own announcements. */
export function checkEcho({ from, to, toBroker }: Pick<Config, "from" | "to" | "toBroker">, context: z.RefinementCtx) {
  to.forEach((target, index) => {
    const isSameExchange = toBroker === undefined && target.exchange === from.exchange;
    const prefix = prefixOf(target);
    if (!isSameExchange || !isUnder(prefix, from.topicPrefix)) return;
    const message = `the bridge would consume its own announcements: expected a topic outside ${from.topicPrefix}.#, or another exchange`;
    const key = target.format === "wis" ? "exchange" : "topicPrefix";
    context.addIssue({ code: "custom", path: ["to", index, key], message, input: prefix });
  });
}

/** Whether a topic equals a prefix or is below it. */
function isUnder(topic: string, prefix: string): boolean {
  return topic === prefix || topic.startsWith(`${prefix}.`);
}
