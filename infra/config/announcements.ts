import { z } from "zod";
import { allowedHost } from "../../agents/lib/allowed-hosts.ts";
import { nameSchema } from "./hosts.ts";

const twinEnding = "-b";

/** The other one of the two users that agents take in turn: `feeder-b` of `feeder`, and the other way about. It is there where it has a password. */
export const twinUser = (user: string): string =>
  user.endsWith(twinEnding) ? user.slice(0, -twinEnding.length) : `${user}${twinEnding}`;

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
  exchange: z.string().min(1).default("cmc"),
  inputQueue: z.string().min(1).default("cmc.urp.input"),
  pullQueue: z.string().min(1).default("cmc.urp.pull"),
  inputTopic: z.string().min(1).default("v00.urp.input"),
  notifyTopic: z.string().min(1).default("v00.urp.notify"),
  /** Folder on the radar servers in which products arrive; served as `http://HOST/<last folder>/`. */
  productRoot: z.string().startsWith("/").default("/apps/px/db"),
  /** Folder on the pulling servers into which whole products are put. */
  receiverDirectory: z.string().startsWith("/").default("/apps/px/rxq/pull_urp"),
  /** Seconds for which a product name is remembered from its first arrival. */
  dedupWindowSeconds: z.int().min(1).max(604_800).default(7200),
  /**
   * Seconds for which pullers take another announcement of a product that they have placed for the same one; after them it may be a new
   * product. Less than `dedupWindowSeconds`; left out: a quarter of it, half an hour at most.
   */
  placedRememberedSeconds: z.int().min(0).max(86_400).optional(),
  /** Product names remembered at once; at this bound the dispatcher stops accepting. */
  entriesMax: z.int().min(1000).max(10_000_000).default(2_000_000),
  /** Announcements in flight between broker and dispatcher. With less than 8 one that waits for its twin, ten minutes long, stops all. */
  dispatcherPrefetch: z.int().min(8).max(10_000).default(2000),
  /**
   * Seconds that a product is waited for whose announcement may have been lost with a broker, until a puller says that it has it; then it
   * is announced again.
   */
  doubtSeconds: z.int().min(1).max(1200).default(30),
  /** Seconds without an announcement after which a radar server counts as silent while another one announces. */
  silenceSeconds: z.int().min(1).max(86_400).default(300),
  /** A product that one radar server doesn't give is fetched from the other one; `false`: its announcement is put aside at once. */
  alternates: z.boolean().default(true),
  /** Milliseconds a product server may be silent before a download is tried again. */
  pullTimeoutMs: z.int().min(100).max(600_000).default(10_000),
  /**
   * Hosts that products may come from beside the stack's radar servers, each with a port (`urp.example:8080`) or for any port: those whose
   * announcements come into `inputTopic` from outside the stack, by hand or over a bridge. Pullers refuse all others.
   */
  allowedHosts: z.array(allowedHost).default([]),
  logLevel: z.enum(["debug", "info", "warn", "error"]).default("info"),
});
