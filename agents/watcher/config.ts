import * as z from "zod";
import { checkBaseUrl } from "../lib/announcement.ts";
import { regularExpression } from "../lib/arrivals.ts";
import type { WireFormat } from "../lib/codecs.ts";
import { commonConfig, exchangeName } from "../lib/config.ts";
import { wisRules } from "../lib/wis-rules.ts";

const formats = ["v02", "exp", "v00", "v03"] as const satisfies readonly WireFormat[];
const topicPrefix = z.string().min(1).max(200);

const tree = z
  .string()
  .regex(/^(?!\.{1,2}(?:\/|$))[^/\0]+(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)*$/, "expected a path below rootDirectory");

/** The watcher's config file. Relative paths in `…Directory` start from the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName.default("xpublic").describe("topic exchange that announcements go to"),
  rootDirectory: z.string().min(2).describe("document root of the web server"),
  trees: z
    .array(tree)
    .min(1)
    .max(32)
    .default(["citypage_weather", "marine_weather"])
    .refine(areApart, "expected trees that don't contain one another")
    .describe("folders below rootDirectory that are watched, with everything below them"),
  baseUrl: z
    .string()
    .refine((text) => checkBaseUrl(text).ok, "expected an absolute URL that ends in /, e.g. http://dd.example.com/")
    .describe("URL that serves rootDirectory"),
  formats: z
    .array(z.enum(formats))
    .min(1)
    .max(formats.length)
    .default(["exp", "v02", "v03"])
    .refine((list) => new Set(list).size === list.length, "expected each format once")
    .describe("each change is published once in each of these, in this order"),
  wis: z
    .strictObject({
      ...wisRules,
      embedContent: z
        .boolean()
        .default(false)
        .describe("put the content of small files (up to 3,069 bytes) into their notifications"),
    })
    .optional()
    .describe("publish each change also as a WIS2 notification, under the topic of its folder; default: none"),
  topicPrefixes: z
    .strictObject({
      v02: topicPrefix.default("v02.post"),
      exp: topicPrefix.default("exp.dd.notify"),
      v00: topicPrefix.default("v00.dd.notify"),
      v03: topicPrefix.default("v03"),
    })
    .prefault({})
    .describe("first words of the routing key, by format"),
  topicFileName: z
    .boolean()
    .default(false)
    .describe("the routing key ends with the file's name, dots included, as that of dd-xml-inotify did"),
  accept: z
    .array(regularExpression)
    .default([])
    .describe("announce only paths (relative to rootDirectory) that match one of these; empty: all"),
  reject: z
    .array(regularExpression)
    .default(["^\\.", "\\.tmp$"])
    .describe("names of unfinished files and folders: neither they nor anything below them is announced"),
  settleMs: z
    .int()
    .min(20)
    .max(60_000)
    .default(200)
    .describe("a file is announced once it is unchanged for this long after it was closed"),
  emptySettleMs: z.int().min(20).max(600_000).default(2000).describe("the same for an empty file"),
  foundSettleMs: z
    .int()
    .min(20)
    .max(600_000)
    .default(2000)
    .describe("the same for a file found by a scan, without a close event"),
  firstStart: z
    .enum(["remember", "announce"])
    .default("remember")
    .describe(
      "files that exist when a tree is watched for the first time ever: remember them silently, or announce them",
    ),
  unclaimed: z
    .enum(["count", "keep"])
    .default("count")
    .describe("messages that reach no queue: count and drop them, or keep and resend them until they reach one"),
  spoolBytesMax: z
    .int()
    .min(65_536)
    .default(256 * 1024 * 1024)
    .describe("size of the spool for announcements while the broker is unreachable; beyond it arrivals wait in memory"),
  fileBytesMax: z
    .int()
    .min(1)
    .default(64 * 1024 * 1024 * 1024)
    .describe("larger files are not announced: reading one takes minutes"),
  inFlightMax: z.int().min(1).max(10_000).default(200).describe("files being read or written to the spool at a time"),
  arrivalsMax: z
    .int()
    .min(1000)
    .max(10_000_000)
    .default(200_000)
    .describe("arrivals waiting in memory; beyond it they are dropped, and their trees are scanned later"),
  inotifywaitCommand: z.string().min(1).default("inotifywait").describe("name or path of inotify-tools' inotifywait"),
});

export type Config = z.infer<typeof configSchema>;

function areApart(trees: readonly string[]): boolean {
  return trees.every((one, at) => trees.every((other, index) => index === at || !`${one}/`.startsWith(`${other}/`)));
}
