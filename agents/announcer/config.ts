import * as z from "zod";
import { checkBaseUrl } from "../lib/announcement.ts";
import { regularExpression } from "../lib/arrivals.ts";
import { commonConfig, exchangeName } from "../lib/config.ts";
import { exchangeDefault, inputTopicDefault, topicPrefix } from "../lib/dispatch-topics.ts";

/** The announcer's config file. Relative paths in `…Directory` start from the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName.default(exchangeDefault).describe("topic exchange that announcements go to"),
  topicPrefix: topicPrefix.default(inputTopicDefault).describe("first words of the routing key"),
  announcedTopic: topicPrefix
    .optional()
    .describe("topic of copies of announcements for auditors, once the broker has them; default: none is sent"),
  topicFileName: z
    .boolean()
    .default(false)
    .describe("end the routing key with the file's name, each of its dots separating words, if it fits"),
  rootDirectory: z.string().min(2).describe("the db tree: products below it are announced"),
  pathPrefix: z
    .string()
    .regex(/^[^/]+$/, "expected one folder name, without a slash")
    .default("db")
    .describe("name of the root in announced paths and under baseUrl"),
  baseUrl: z
    .string()
    .refine((text) => checkBaseUrl(text).ok, "expected an absolute URL that ends in /, e.g. http://urp-1.example.com/")
    .describe("URL that serves the folder pathPrefix"),
  accept: z
    .array(regularExpression)
    .default([])
    .describe("announce only paths (relative to the root) that match one of these; empty: all"),
  reject: z
    .array(regularExpression)
    .default(["^\\.", "\\.tmp$"])
    .describe("names of unfinished files and folders: neither they nor anything below them is announced"),
  rescanWindowSeconds: z
    .int()
    .min(1)
    .max(30 * 86_400)
    .default(3600)
    .describe("after a start or a gap, files that changed within this time and are not yet announced are announced"),
  settleMs: z
    .int()
    .min(10)
    .max(60_000)
    .default(100)
    .describe("a file found by a scan, without a close event, is announced once it is unchanged for this long"),
  emptySettleMs: z.int().min(10).max(600_000).default(2000).describe("the same for an empty file"),
  spoolBytesMax: z
    .int()
    .min(65_536)
    .default(256 * 1024 * 1024)
    .describe("size of the spool for announcements while the broker is unreachable; beyond it arrivals wait in memory"),
  inFlightMax: z.int().min(1).max(100_000).default(1000).describe("announcements being written to the spool at a time"),
  arrivalsMax: z
    .int()
    .min(1000)
    .max(10_000_000)
    .default(200_000)
    .describe("arrivals waiting in memory; beyond it they are dropped, and the tree is scanned later"),
  reannounceSeconds: z
    .int()
    .min(0)
    .max(7200)
    .default(0)
    .describe("announcements confirmed within this time are published again after each reconnection; 0: none"),
  reannounceMax: z.int().min(1).max(1_000_000).default(50_000).describe("announcements kept in memory for that"),
  inotifywaitCommand: z.string().min(1).default("inotifywait").describe("name or path of inotify-tools' inotifywait"),
});

export type Config = z.infer<typeof configSchema>;
