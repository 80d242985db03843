import * as z from "zod";
import { configSchema as announcerSchema } from "../../agents/announcer/config.ts";
import { configSchema as dispatcherSchema } from "../../agents/dispatcher/config.ts";
import { logConfig } from "../../agents/lib/config.ts";
import { configSchema as pullerSchema } from "../../agents/puller/config.ts";
import { withNames } from "./full-names.ts";
import { nameSchema } from "./hosts.ts";

const twinEnding = "-b";

export const isTwin = (user: string): boolean => user.endsWith(twinEnding);

/** The other of the two users between which the agents alternate: `feeder-b` for `feeder`, and vice versa. It exists if it has a password. */
export const twinUser = (user: string): string =>
  isTwin(user) ? user.slice(0, -twinEnding.length) : `${user}${twinEnding}`;

const { shape: dispatcher } = dispatcherSchema;
const { shape: puller } = pullerSchema;

/** Settings under the dispatcher's own names. The dispatcher's schema alone has their bounds, units, defaults and meanings. */
export const dispatcherKeys = z.object(dispatcher).pick({
  exchange: true,
  inputQueue: true,
  inputTopic: true,
  notifyTopic: true,
  notifyKey: true,
  dedupWindowSeconds: true,
  entriesMax: true,
  doubtSeconds: true,
  silenceSeconds: true,
});

/** Settings under the puller's own names. */
export const pullerKeys = z
  .object(puller)
  .pick({ exchange: true, notifyTopic: true, alternates: true, pullTimeoutMs: true });

/** The radar path, from the radar servers to PDS: announced, dispatched, pulled. */
export const announcementsSchema = z.strictObject({
  /** The cluster (`warren:brokers`) that carries the announcements. */
  broker: nameSchema,
  /**
   * The agents' user at this and every other broker. With `roles` of a broker each agent has a user of its own there, with a password that is
   * derived from this one's. `./warren rotate password` moves the agents to its twin (`feeder-b`, see `twinUser`) or back; both can log in
   * meanwhile.
   */
  user: z.string().min(1).default("feeder"),
  /**
   * A second cluster with dispatchers, which shares the virtual IP: the successor of the first cluster, or its predecessor that may take over again.
   * `./warren upgrade` moves announcements from one to the other, and records here which is which.
   */
  beside: nameSchema.optional(),
  ...pullerKeys.shape,
  ...dispatcherKeys.shape,
  topicFileName: announcerSchema.shape.topicFileName,
  /** Announcements in flight between broker and dispatcher. */
  dispatcherPrefetch: dispatcher.prefetch,
  pullQueue: puller.queue,
  /** Base URL in a radar server's announcements: `${fqdn}` is its full name, `${host}` its name in the stack. */
  baseUrl: z
    .string()
    // biome-ignore lint/suspicious/noTemplateCurlyInString: warren fills it in
    .refine(isBaseUrl, "expected an absolute URL that ends in /, e.g. http://${fqdn}/")
    // biome-ignore lint/suspicious/noTemplateCurlyInString: warren fills it in
    .default("http://${fqdn}/"),
  /** Folder on the radar servers in which products arrive; served below the base URL under the name of its last folder. */
  productRoot: z.string().startsWith("/").default("/apps/px/db"),
  /** Folder on the pulling servers into which complete products are put. */
  receiverDirectory: z.string().startsWith("/").default("/apps/px/rxq/pull_urp"),
  /** Less than `dedupWindowSeconds`; default: a quarter of it, at most the puller's own default. */
  placedRememberedSeconds: puller.placedRememberedSeconds.unwrap().optional(),
  /**
   * Hosts that products may come from beside the stack's radar servers, with a port (`urp.example:8080`) or for any port: for announcements
   * that enter `inputTopic` from outside the stack, by hand or through a bridge. Pullers refuse all other hosts.
   */
  allowedHosts: puller.allowedHosts.unwrap().default([]),
  logLevel: logConfig.shape.level,
});

/** The announcer's own rule, with names filled in. */
function isBaseUrl(text: string): boolean {
  const example = withNames(text, { fqdn: "urp-1.example.com", host: "urp-1" });
  return announcerSchema.shape.baseUrl.safeParse(example).success;
}
