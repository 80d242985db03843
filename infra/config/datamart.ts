import * as z from "zod";
import { logConfig } from "../../agents/lib/config.ts";
import { checkTimes, queueClass, configSchema as queueManagerAgent } from "../../agents/queue-manager/config.ts";
import { configSchema as watcherSchema } from "../../agents/watcher/config.ts";
import { byName } from "./by-name.ts";
import { absolute, deliverySchema } from "./delivery.ts";
import { nameSchema } from "./hosts.ts";

/** A folder below the document root. */
const treeSchema = z
  .string()
  .regex(/^[a-z0-9_][\w-]*(\/[a-z0-9_][\w-]*)*$/, "expected a folder below productRoot, e.g. citypage_weather");

const { dryRun, intervalSeconds, keep } = queueManagerAgent.shape;
const { messagesMax, bytesMax, warnAfterSeconds, unbindAfterSeconds, deleteAfterSeconds } = queueClass.shape;

/** Limits of abandoned client queues: a queue that is too full and unused is announced, then unbound, then deleted. */
const queueManagerSchema = z
  .strictObject({
    /** Names of queues to leave alone, besides those that the stack's agents and `warren:brokers` declare there. */
    exempt: keep.default([]),
    ...{ dryRun, messagesMax, bytesMax, intervalSeconds },
    ...{ warnAfterSeconds, unbindAfterSeconds, deleteAfterSeconds },
  })
  .superRefine(checkTimes);

/** Subscribers on hosts with the role client, as described in `docs/subscribe.md`. */
const clientsSchema = z.strictObject({
  /** The hosts that subscribe to this public data server; default: all, if the stack has no other one. */
  hosts: z.array(nameSchema).optional(),
  /** Below `notifyTopic`. */
  topic: z.string().min(1).default("#"),
  directory: absolute.default("/apps/px/rxq/dd"),
});

/** A public data server (DD, DDI, DD.BETA), its broker and its announcements. */
export const datamartSchema = z.strictObject({
  /** The broker (`warren:brokers`) for public clients; its only member is the host with the role dd. */
  broker: nameSchema,
  /** Topic exchange of announcements as URLs, which older clients expect. */
  exchange: z.string().min(1).default("cmc"),
  notifyTopic: watcherSchema.shape.topicPrefixes.unwrap().shape.exp,
  /** Topic exchange of sr3's clients. Both exchanges have all announcements. */
  publicExchange: watcherSchema.shape.exchange,
  /** Formats of all announcements, of deliveries and of changes in watched trees. `v00` is for watched trees only: px has no md5. */
  formats: watcherSchema.shape.formats,
  /** Publish changes in watched trees also as WIS2 notifications, on `publicExchange`. For deliveries, a bridge does this. */
  wis: watcherSchema.shape.wis,
  /** Document root of the web server; its content is public. */
  productRoot: z
    .string()
    .regex(/^(\/[\w.-]+){2,}$/, "expected a folder in a folder of its own, e.g. /apps/dd/public")
    .default("/apps/dd/public"),
  /** URL of the document root; default: `http://FQDN/`, by the host's full name. */
  baseUrl: z
    .string()
    .regex(/^https?:\/\/[^/ ]+\/$/, "expected a URL that ends in /, e.g. http://dd1.weather.gc.ca/")
    .optional(),
  /** Folders below the document root that no sender delivers to; the watcher announces every change in them. */
  watchedTrees: z.array(treeSchema).default(watcherSchema.shape.trees.parse(undefined)),
  delivery: deliverySchema.optional(),
  clients: clientsSchema.default(clientsSchema.parse({})),
  queueManager: queueManagerSchema.default(queueManagerSchema.parse({})),
  logLevel: logConfig.shape.level,
});

/** Several of them, by name. The agent that announces deliveries to one is called `notify-NAME`. */
export const datamartsSchema = z.record(nameSchema, datamartSchema).transform(byName);

export type DatamartConfig = z.infer<typeof datamartSchema>;

/** The user by which the queue manager logs in to the management API; its password is under `warren:secrets.passwords`. */
export const queueManagerUser = "queue-manager";
