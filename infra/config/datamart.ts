import { z } from "zod";
import { hostKeySchema } from "./host-key.ts";
import { nameSchema } from "./hosts.ts";

/** A folder below the document root. */
const treeSchema = z
  .string()
  .regex(/^[a-z0-9_][\w-]*(\/[a-z0-9_][\w-]*)*$/, "a folder below productRoot, e.g. citypage_weather");

const days = 86_400;

/** What becomes of queues that clients leave behind: too full and unused for so long, told, then unbound, then deleted. */
const queueManagerSchema = z.strictObject({
  /** What would be done is told in the audit file, and nothing is done. */
  dryRun: z.boolean().default(true),
  messagesMax: z.int().min(0).default(25_000),
  bytesMax: z.int().min(0).default(50_000_000),
  intervalSeconds: z.int().min(1).max(3600).default(60),
  warnAfterSeconds: z
    .int()
    .min(1)
    .max(365 * days)
    .default(600),
  unbindAfterSeconds: z
    .int()
    .min(1)
    .max(365 * days)
    .default(3600),
  deleteAfterSeconds: z
    .int()
    .min(1)
    .max(365 * days)
    .default(days),
});

/** A rule of the sender (`agents/sender`): where below the document root a file goes whose name has the pattern at its beginning. */
const deliveryRuleSchema = z.union([
  z.strictObject({ reject: z.string().min(1) }),
  z.strictObject({
    accept: z.string().min(1),
    directory: z.string().optional(),
    fileName: z.string().min(1).optional(),
  }),
]);

const absolute = z.string().regex(/^(\/[\w.-]+)+$/, "an absolute path");

/** Senders on hosts with the role px deliver by SFTP; whose URL is known then goes out by a second one. */
const deliverySchema = z.strictObject({
  /** Account on the public data server that may put files there, and nothing else. */
  user: z
    .string()
    .regex(/^[a-z_][a-z0-9_-]{0,31}$/, "a login name")
    .default("wxofeed"),
  /** Public half of `warren:secrets.deliveryKey`, as `ssh-keygen` writes it. */
  publicKey: hostKeySchema,
  /** The txq of files to be delivered, and that of notifications. */
  queueDirectory: absolute.default("/apps/px/txq/wxo-b1-oper-dd"),
  notifyDirectory: absolute.default("/apps/px/txq/dd-notify-wxo-b1"),
  rules: z.array(deliveryRuleSchema).min(1),
  /** Told beside the URL, to `publicExchange`, for clients of Sarracenia v2 and sr3. */
  alsoFormats: z.array(z.enum(["v02", "v03"])).default([]),
});

/** Subscribers on hosts with the role client, as `docs/subscribe.md` has them. */
const clientsSchema = z.strictObject({
  /** Below `notifyTopic`. */
  topic: z.string().min(1).default("#"),
  directory: absolute.default("/apps/px/rxq/dd"),
});

/** The public data server (DD), its broker, and what is announced there. */
export const datamartSchema = z.strictObject({
  /** The broker (`warren:brokers`) that tells the public; its one member is the host with the role dd. */
  broker: nameSchema,
  /** Topic exchange of URLs, as clients of old want them. */
  exchange: z.string().min(1).default("cmc"),
  notifyTopic: z.string().min(1).default("exp.dd.notify"),
  /** Topic exchange of what the trees below are announced to. */
  publicExchange: z.string().min(1).default("xpublic"),
  /** Document root of the web server: what is in it is public. */
  productRoot: z
    .string()
    .regex(/^(\/[\w.-]+){2,}$/, "a folder in a folder of its own, e.g. /apps/dd/public")
    .default("/apps/dd/public"),
  /** Where it is served; left out: `http://HOST/`. */
  baseUrl: z
    .string()
    .regex(/^https?:\/\/[^/ ]+\/$/, "a URL that ends in /, e.g. http://dd1.weather.gc.ca/")
    .optional(),
  /** Folders below it that no sender delivers to: every change in them is announced. */
  watchedTrees: z.array(treeSchema).default(["citypage_weather", "marine_weather"]),
  delivery: deliverySchema.optional(),
  clients: clientsSchema.default(clientsSchema.parse({})),
  queueManager: queueManagerSchema.default(queueManagerSchema.parse({})),
  logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
});

export type DatamartConfig = z.infer<typeof datamartSchema>;
export type DeliveryConfig = z.infer<typeof deliverySchema>;

/** The user by which the queue manager asks the management API; it has a password under `warren:secrets.passwords`. */
export const queueManagerUser = "queue-manager";
