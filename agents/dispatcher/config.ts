import { isIP } from "node:net";
import { z } from "zod";
import { commonConfig } from "../lib/config.ts";

const topicPrefix = z.string().regex(/^[^.*#\s]+(\.[^.*#\s]+)*$/, "expected words joined by dots, without wildcards");

/** What the dispatcher can be told. `example.json` says more. */
export const configSchema = commonConfig.extend({
  exchange: z.string().min(1).default("cmc"),
  inputQueue: z.string().min(1).default("cmc.urp.input"),
  inputTopic: topicPrefix.default("v00.urp.input").describe("announcements come in under this and what follows"),
  notifyTopic: topicPrefix.default("v00.urp.notify").describe("the first of each product goes out under this instead"),
  outputQueues: z
    .array(z.string().min(1))
    .default(["cmc.urp.pull"])
    .describe("declared and bound to everything dispatched, so that nothing is lost before the first puller comes"),
  vip: z
    .strictObject({ address: z.string().refine((text) => isIP(text) !== 0, "expected an IP address") })
    .optional()
    .describe("works only while this host holds the address; without it, always"),
  dedupWindowSeconds: z.int().min(1).max(604_800).default(7200).describe("counted from a product's first arrival"),
  entriesMax: z
    .int()
    .min(1)
    .max(10_000_000)
    .default(1_000_000)
    .describe("products remembered; at the bound it stops taking"),
  prefetch: z.int().min(1).max(10_000).default(500),
  retryDelayMinMs: z.int().min(1).max(60_000).default(100).describe("after a publish that was returned or refused"),
  retryDelayMaxMs: z.int().min(1).max(600_000).default(5000),
});

export type Config = z.infer<typeof configSchema>;
