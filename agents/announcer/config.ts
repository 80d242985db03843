import { z } from "zod";
import { checkBaseUrl } from "../lib/announcement.ts";
import { regularExpression } from "../lib/arrivals.ts";
import { commonConfig, exchangeName } from "../lib/config.ts";
import { exchangeDefault, inputTopicDefault, topicPrefix } from "../lib/dispatch-topics.ts";

/** The announcer's config file. Relative paths of `…Directory` are taken from the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName.default(exchangeDefault).describe("topic exchange that announcements go to"),
  topicPrefix: topicPrefix.default(inputTopicDefault).describe("first words of the routing key"),
  rootDirectory: z.string().min(2).describe("the db tree: products below it are announced"),
  pathPrefix: z
    .string()
    .regex(/^[^/]+$/, "expected one folder name, without a slash")
    .default("db")
    .describe("what the root is called in announced paths and under baseUrl"),
  baseUrl: z
    .string()
    .refine((text) => checkBaseUrl(text).ok, "expected an absolute URL that ends in /, e.g. http://urp-1.example.com/")
    .describe("where the folder of pathPrefix is served"),
  accept: z
    .array(regularExpression)
    .default([])
    .describe("only paths (from the root) that one of these matches are announced; empty: all"),
  reject: z
    .array(regularExpression)
    .default(["^\\.", "\\.tmp$"])
    .describe("names of files and folders still in work: neither they nor what is below them is announced"),
  rescanWindowSeconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(3600)
    .describe("after a start or a gap, files changed within this and not yet announced are announced"),
  settleMs: z
    .int()
    .min(10)
    .max(60_000)
    .default(100)
    .describe("a file found by looking, whose closing nobody saw, is announced when unchanged for this long"),
  emptySettleMs: z.int().min(10).max(600_000).default(2000).describe("the same for a file of 0 bytes"),
  spoolBytesMax: z
    .int()
    .min(65_536)
    .default(256 * 1024 * 1024)
    .describe("announcements kept on disk while the broker is away; beyond it arrivals wait in memory"),
  inFlightMax: z.int().min(1).max(100_000).default(1000).describe("announcements on their way to the spool at a time"),
  arrivalsMax: z
    .int()
    .min(1000)
    .max(10_000_000)
    .default(200_000)
    .describe("arrivals waiting in memory; beyond it the tree is looked through again later"),
  reannounceSeconds: z
    .int()
    .min(0)
    .max(7200)
    .default(0)
    .describe("what was confirmed within this is announced again after each new connection; 0: nothing is"),
  reannounceMax: z.int().min(1).max(1_000_000).default(50_000).describe("announcements kept for that, in memory"),
  inotifywaitCommand: z.string().min(1).default("inotifywait").describe("name or path of inotify-tools' inotifywait"),
});

export type Config = z.infer<typeof configSchema>;
