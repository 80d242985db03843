import { z } from "zod";
import type { BrokerSessionState } from "./broker-session.ts";

/** Keys of a version keep their names and types. A later version may add keys, so a reader of version 1 reads it too. */
export const healthVersion = 1;

export const dispatcherStates = ["active", "standby", "catching-up", "fenced", "full", "stopped"] as const;

const count = z.number().int().nonnegative();

/**
 * What `/health` of each agent answers. Programs read the typed keys; `text` is for people, and its words may change. An agent leaves out what it
 * does not know. Counts are of this process, since its start.
 */
export const healthSchema = z.object({
  version: z.number().int().min(healthVersion),
  /** The program: `sender` of each sender, whatever its unit's name is. */
  agent: z.string(),
  /** It has told systemd that it is ready. */
  ready: z.boolean(),
  /** False, 503: what needs a person, or will. */
  ok: z.boolean(),
  text: z.string(),
  /** Whom it needs a connection to for its work. Left out while it starts. */
  connectionTo: z.enum(["broker", "server"]).optional(),
  /** Whether it has that connection; of several, all of them. */
  connected: z.boolean().optional(),
  /** The broker takes no messages over it: an alarm of memory or disk. */
  blocked: z.boolean().optional(),
  /** What keeps this host itself from the work, e.g. a full disk. */
  fault: z.string().optional(),
  /** The queue that holds messages of which the broker gives none. */
  starvedOf: z.string().optional(),
  /** Products or messages that it has done its work on. */
  done: count.optional(),
  /** When it last did some, in two seconds at most; ISO 8601. Left out while it has done nothing. */
  lastDoneAt: z.string().optional(),
  /** How many in the last minute. Left out in its first one. */
  donePerMinute: count.optional(),
  /** What it has to do and has not done yet. */
  waiting: count.optional(),
  /** Seconds for which the oldest of that waits. Of senders, the announcer and the watcher. */
  oldestWaitingSeconds: z.number().nonnegative().optional(),
  /** Messages that became dead letters, and files that were put aside. */
  setAside: count.optional(),
  /** Messages taken and not settled. Of receivers and bridges. */
  inHand: count.optional(),

  /** Of the dispatcher, from here on. */
  state: z.enum(dispatcherStates).optional(),
  broker: z.enum(["connecting", "ready", "blocked", "closed"]).optional(),
  inFlight: count.optional(),
  entries: count.optional(),
  retrying: count.optional(),
  keptAside: count.optional(),
  doubts: count.optional(),
  alternatesWaiting: count.optional(),
  ledgerUnacked: count.optional(),
  ledgerPaused: z.boolean().optional(),
  journalFault: z.string().optional(),
  /** Milliseconds by which its clock is ahead of another dispatcher's; 0 where that is unknown or too little. */
  clockAheadMs: z.number().optional(),
  /** Radar servers that announce nothing while another one does. */
  silentSources: z.array(z.string()).readonly().optional(),

  /** Of the puller: its second connection in words, receipts not confirmed, other pullers. */
  notices: z.string().optional(),
  receiptsPending: count.optional(),
  peers: z.object({ known: count, silent: count }).optional(),

  /** Of the announcer and the watcher: messages not confirmed, and the last files that can't be announced. */
  spooled: count.optional(),
  rejections: z
    .array(z.object({ path: z.string(), reason: z.string() }))
    .readonly()
    .optional(),

  /** Of the sender: files that a rule rejected, or that none accepted. */
  rejected: count.optional(),

  /** Of the queue manager: queues at its last look, those that are unused and too full, and those that it has deleted lately. */
  queues: count.optional(),
  watched: z
    .array(z.object({ vhost: z.string(), queue: z.string(), stage: z.string(), unusedSeconds: z.number() }))
    .readonly()
    .optional(),
  removed: z
    .array(
      z.object({
        ...{ time: z.string(), vhost: z.string(), queue: z.string(), class: z.string(), reason: z.string().optional() },
        ...{ event: z.string(), messages: count, bytes: count, unusedSeconds: z.number() },
        ...{ type: z.string(), durable: z.boolean(), arguments: z.record(z.string(), z.unknown()) },
        bindings: z.array(z.unknown()).readonly(),
      }),
    )
    .readonly()
    .optional(),
});

export type Health = z.infer<typeof healthSchema>;

/** What an agent says of itself; what all have in common is added by `runAgent`. */
export type AgentHealth = Omit<Health, "version" | "agent" | "ready" | "lastDoneAt" | "donePerMinute">;

/** Of what waits since then, in milliseconds since 1970; undefined where nothing waits. */
export const waitingSeconds = (sinceMs: number | undefined, nowMs: number): number | undefined =>
  sinceMs === undefined ? undefined : Math.max(0, Math.round((nowMs - sinceMs) / 1000));

/** Of one or more connections to brokers: connected where all are, blocked where one is. */
export function brokerHealth(
  ...states: readonly BrokerSessionState[]
): Pick<Health, "connectionTo" | "connected" | "blocked"> {
  return {
    connectionTo: "broker",
    connected: states.every((state) => state === "ready" || state === "blocked"),
    blocked: states.includes("blocked"),
  };
}
