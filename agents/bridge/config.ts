import { z } from "zod";
import { brokerConfig, commonConfig, exchangeName, queueName } from "../lib/config.ts";
import { topicPrefix } from "../lib/dispatch-topics.ts";

/** Formats that say what their sums are of. */
const plainFormat = z.enum(["v02", "v03", "exp"]);
const keyOf = z
  .enum(["product-name", "content"])
  .default("product-name")
  .describe("what v00's md5 is of: radar servers say the product's name, public servers the content");

const place = {
  exchange: exchangeName,
  topicPrefix: topicPrefix.describe("first words of the routing key; the folders follow, the same in each format"),
};
const announcements = z.discriminatedUnion("format", [
  z.strictObject({ format: z.literal("v00"), ...place, keyOf }),
  z.strictObject({ format: plainFormat, ...place }),
]);

const bridgeObject = commonConfig.extend({
  toBroker: brokerConfig.optional().describe("another broker to announce to; left out: the one that is listened to"),
  queue: queueName.describe(
    "durable: it keeps announcements while the bridge is away; bridges that share one share its messages",
  ),
  from: announcements.describe("what is heard"),
  to: z.array(announcements).min(1).max(8).describe("every announcement goes out in each of these"),
  declareExchanges: z
    .boolean()
    .default(true)
    .describe("make exchanges that are missing; false where this user may not"),
  prefetch: z.int().min(1).max(1000).default(200).describe("announcements in hand at a time"),
  requireQueue: z
    .boolean()
    .default(false)
    .describe("an announcement that no queue takes is kept until one does; false: nobody wants it, it is done"),
});

/** The bridge's config file. Relative paths of `…File` are taken from the config file's folder. */
export const configSchema = bridgeObject.superRefine(checkEcho);

export type Config = z.infer<typeof configSchema>;

/** Rule over several keys: a bridge that announces to the broker that it listens to never hears itself. */
export function checkEcho({ from, to, toBroker }: Pick<Config, "from" | "to" | "toBroker">, context: z.RefinementCtx) {
  to.forEach((target, index) => {
    const hearsItself = toBroker === undefined && target.exchange === from.exchange;
    if (!hearsItself || !isUnder(target.topicPrefix, from.topicPrefix)) return;
    const message = `would be heard again by the bridge itself: expected a topic outside of ${from.topicPrefix}.#, or another exchange`;
    context.addIssue({ code: "custom", path: ["to", index, "topicPrefix"], message, input: target.topicPrefix });
  });
}

/** Whether a topic is that of a prefix, or one below it. */
export function isUnder(topic: string, prefix: string): boolean {
  return topic === prefix || topic.startsWith(`${prefix}.`);
}
