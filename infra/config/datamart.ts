import { z } from "zod";
import { logConfig } from "../../agents/lib/config.ts";
import { checkTimes, queueClass, configSchema as queueManagerAgent } from "../../agents/queue-manager/config.ts";
import { configSchema as watcherSchema } from "../../agents/watcher/config.ts";
import { absolute, deliverySchema } from "./delivery.ts";
import { nameSchema } from "./hosts.ts";

/** A folder below the document root. */
const treeSchema = z
  .string()
  .regex(/^[a-z0-9_][\w-]*(\/[a-z0-9_][\w-]*)*$/, "a folder below productRoot, e.g. citypage_weather");

const { dryRun, intervalSeconds } = queueManagerAgent.shape;
const { messagesMax, bytesMax, warnAfterSeconds, unbindAfterSeconds, deleteAfterSeconds } = queueClass.shape;

/** What becomes of queues that clients leave behind: too full and unused for so long, told, then unbound, then deleted. */
const queueManagerSchema = z
  .strictObject({
    ...{ dryRun, messagesMax, bytesMax, intervalSeconds },
    ...{ warnAfterSeconds, unbindAfterSeconds, deleteAfterSeconds },
  })
  .superRefine(checkTimes);

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
  publicExchange: watcherSchema.shape.exchange,
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
  watchedTrees: z.array(treeSchema).default(watcherSchema.shape.trees.parse(undefined)),
  delivery: deliverySchema.optional(),
  clients: clientsSchema.default(clientsSchema.parse({})),
  queueManager: queueManagerSchema.default(queueManagerSchema.parse({})),
  logLevel: logConfig.shape.level,
});

export type DatamartConfig = z.infer<typeof datamartSchema>;

/** The user by which the queue manager asks the management API; it has a password under `warren:secrets.passwords`. */
export const queueManagerUser = "queue-manager";
