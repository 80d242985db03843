import { z } from "zod";
import { brokerConfig, commonConfig, exchangeName, queueName } from "../lib/config.ts";
import { topicPrefix } from "../lib/dispatch-topics.ts";
import { wisRules, wisTopicPrefix } from "../lib/wis-rules.ts";

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
const from = z.discriminatedUnion("format", [v00, plain, z.strictObject({ format: z.literal("wis"), ...place })]);
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
