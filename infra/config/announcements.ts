import { z } from "zod";
import { configSchema as dispatcherSchema } from "../../agents/dispatcher/config.ts";
import { logConfig } from "../../agents/lib/config.ts";
import { configSchema as pullerSchema } from "../../agents/puller/config.ts";
import { nameSchema } from "./hosts.ts";

const twinEnding = "-b";

/** The other one of the two users that agents take in turn: `feeder-b` of `feeder`, and the other way about. It is there where it has a password. */
export const twinUser = (user: string): string =>
  user.endsWith(twinEnding) ? user.slice(0, -twinEnding.length) : `${user}${twinEnding}`;

const { shape: dispatcher } = dispatcherSchema;
const { shape: puller } = pullerSchema;

/** What a stack sets by the dispatcher's own names: bounds, units, defaults and meanings are said there alone. */
export const dispatcherKeys = z.object(dispatcher).pick({
  exchange: true,
  inputQueue: true,
  inputTopic: true,
  notifyTopic: true,
  dedupWindowSeconds: true,
  entriesMax: true,
  doubtSeconds: true,
  silenceSeconds: true,
});

/** The same of the puller. */
export const pullerKeys = z
  .object(puller)
  .pick({ exchange: true, notifyTopic: true, alternates: true, pullTimeoutMs: true });

/** The road from the radar servers to PDS: announced, dispatched, pulled. */
export const announcementsSchema = z.strictObject({
  /** The cluster (`warren:brokers`) that carries it. */
  broker: nameSchema,
  /**
   * The user that the agents log in as, at this broker and at every other. `./warren rotate password` goes from it to its twin (`feeder-b`, see
   * `twinUser`) and back: both are let in while agents go over.
   */
  user: z.string().min(1).default("feeder"),
  /**
   * A second cluster that has dispatchers, too, at the same virtual IP: the one that is to take the first one's place, or has and may give it back.
   * `./warren upgrade` moves announcements from one to the other, and writes here which is which.
   */
  beside: nameSchema.optional(),
  ...pullerKeys.shape,
  ...dispatcherKeys.shape,
  /** Announcements in flight between broker and dispatcher. */
  dispatcherPrefetch: dispatcher.prefetch,
  pullQueue: puller.queue,
  /** Folder on the radar servers in which products arrive; served as `http://HOST/<last folder>/`. */
  productRoot: z.string().startsWith("/").default("/apps/px/db"),
  /** Folder on the pulling servers into which whole products are put. */
  receiverDirectory: z.string().startsWith("/").default("/apps/px/rxq/pull_urp"),
  /** Less than `dedupWindowSeconds`; left out: a quarter of it, and no more than a puller's own default. */
  placedRememberedSeconds: puller.placedRememberedSeconds.unwrap().optional(),
  /**
   * Hosts that products may come from beside the stack's radar servers, each with a port (`urp.example:8080`) or for any port: those whose
   * announcements come into `inputTopic` from outside the stack, by hand or over a bridge. Pullers refuse all others.
   */
  allowedHosts: puller.allowedHosts.unwrap().default([]),
  logLevel: logConfig.shape.level,
});
