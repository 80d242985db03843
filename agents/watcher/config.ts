import { z } from "zod";
import { checkBaseUrl } from "../lib/announcement.ts";
import { regularExpression } from "../lib/arrivals.ts";
import type { WireFormat } from "../lib/codecs.ts";
import { commonConfig, exchangeName } from "../lib/config.ts";

const formats = ["v02", "exp", "v00", "v03"] as const satisfies readonly WireFormat[];
const topicPrefix = z.string().min(1).max(200);

const tree = z
  .string()
  .regex(/^(?!\.{1,2}(?:\/|$))[^/\0]+(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)*$/, "expected a path below rootDirectory");

/** The watcher's config file. Relative paths of `…Directory` are taken from the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName.default("xpublic").describe("topic exchange that announcements go to"),
  rootDirectory: z.string().min(2).describe("document root of the web server"),
  trees: z
    .array(tree)
    .min(1)
    .max(32)
    .default(["citypage_weather", "marine_weather"])
    .refine(areApart, "expected trees none of which is, or is in, another one")
    .describe("folders below rootDirectory that are watched, with all below them"),
  baseUrl: z
    .string()
    .refine((text) => checkBaseUrl(text).ok, "expected an absolute URL that ends in /, e.g. http://dd.example.com/")
    .describe("where rootDirectory is served"),
  formats: z
    .array(z.enum(formats))
    .min(1)
    .max(formats.length)
    .default(["v02", "exp", "v00"])
    .refine((list) => new Set(list).size === list.length, "expected each format once")
    .describe("one message each for every change, in this order"),
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
    .describe("the file's name ends the routing key, dots and all, as dd-xml-inotify had it"),
  accept: z
    .array(regularExpression)
    .default([])
    .describe("only paths (from rootDirectory) that one of these matches are announced; empty: all"),
  reject: z
    .array(regularExpression)
    .default(["^\\.", "\\.tmp$"])
    .describe("names of files and folders still in work: neither they nor what is below them is announced"),
  settleMs: z
    .int()
    .min(20)
    .max(60_000)
    .default(200)
    .describe("a file is announced when nothing changed it for this long after its closing"),
  emptySettleMs: z.int().min(20).max(600_000).default(2000).describe("the same for a file of 0 bytes"),
  foundSettleMs: z
    .int()
    .min(20)
    .max(600_000)
    .default(2000)
    .describe("the same for a file found by looking, whose closing nobody saw"),
  firstStart: z
    .enum(["remember", "announce"])
    .default("remember")
    .describe("what becomes of files that are there when a tree is watched for the first time ever"),
  unclaimed: z
    .enum(["count", "keep"])
    .default("count")
    .describe("messages that no queue takes: counted and done with, or kept and sent again until one does"),
  spoolBytesMax: z
    .int()
    .min(65_536)
    .default(256 * 1024 * 1024)
    .describe("announcements kept on disk while the broker is away; beyond it arrivals wait in memory"),
  fileBytesMax: z
    .int()
    .min(1)
    .default(64 * 1024 * 1024 * 1024)
    .describe("larger files are not announced: reading one takes minutes"),
  inFlightMax: z
    .int()
    .min(1)
    .max(10_000)
    .default(200)
    .describe("files being read or on their way to the spool at a time"),
  arrivalsMax: z
    .int()
    .min(1000)
    .max(10_000_000)
    .default(200_000)
    .describe("arrivals waiting in memory; beyond it their trees are looked through again later"),
  inotifywaitCommand: z.string().min(1).default("inotifywait").describe("name or path of inotify-tools' inotifywait"),
});

export type Config = z.infer<typeof configSchema>;

function areApart(trees: readonly string[]): boolean {
  return trees.every((one, at) => trees.every((other, index) => index === at || !`${one}/`.startsWith(`${other}/`)));
}
