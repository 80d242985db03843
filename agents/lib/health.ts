import * as z from "zod";
import type { BrokerSessionState } from "./broker-session.ts";

/** Keys of a version keep their names and types. A later version may add keys, so a reader of version 1 can read it too. */
export const healthVersion = 1;

export const dispatcherStates = ["active", "standby", "catching-up", "fenced", "full", "stopped"] as const;

const count = z.number().int().nonnegative();

/**
 * The answer of every agent's `/health`. Programs read the typed keys; `text` is for people and may change. An agent omits what
 * it does not know. Counts are since the start of this process.
 */
export const healthSchema = z.object({
  version: z.number().int().min(healthVersion),
  /** The program: `sender` for each sender, whatever its unit's name is. */
  agent: z.string(),
  /** It has notified systemd that it is ready. */
  ready: z.boolean(),
  /** False, with status 503, if a person has to act, now or soon. */
  ok: z.boolean(),
  text: z.string(),
  /** What it needs a connection to for its work. Omitted while it starts. */
  connectionTo: z.enum(["broker", "server"]).optional(),
  /** Whether it has that connection; if there are several, all of them. */
  connected: z.boolean().optional(),
  /** The broker accepts no messages over it because of a memory or disk alarm. */
  blocked: z.boolean().optional(),
  /** What keeps this host itself from working, e.g. a full disk. */
  fault: z.string().optional(),
  /** The queue that has messages of which the broker delivers none. */
  starvedOf: z.string().optional(),
  /** Products or messages processed. */
  done: count.optional(),
  /** When it last processed one, within two seconds; ISO 8601. Omitted while it has processed none. */
  lastDoneAt: z.string().optional(),
  /** How many in the last minute. Omitted in the first minute. */
  donePerMinute: count.optional(),
  /** How many are waiting to be processed. */
  waiting: count.optional(),
  /** Seconds that the oldest of those has waited. Of senders, the announcer and the watcher. */
  oldestWaitingSeconds: z.number().nonnegative().optional(),
  /** Dead-lettered messages, and files that were set aside. */
  setAside: count.optional(),
  /** Unacknowledged messages. Of receivers and bridges. */
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
  /** Milliseconds by which its clock is ahead of another dispatcher's; 0 if unknown or too little. */
  clockAheadMs: z.number().optional(),
  /** Radar servers that announce nothing while another one does. */
  silentSources: z.array(z.string()).readonly().optional(),

  /** Of the puller: the state of its second connection, unconfirmed receipts, other pullers. */
  notices: z.string().optional(),
  receiptsPending: count.optional(),
  peers: z.object({ known: count, silent: count }).optional(),

  /** Of the announcer and the watcher: unconfirmed messages, and the last files that can't be announced. */
  spooled: count.optional(),
  rejections: z
    .array(z.object({ path: z.string(), reason: z.string() }))
    .readonly()
    .optional(),

  /** Of the auditor: whether it currently knows what happens to products; products that are late and still not placed. */
  knows: z.boolean().optional(),
  overdue: count.optional(),

  /** Of the sender: files that a rule rejected or none accepted. */
  rejected: count.optional(),

  /** Of the queue manager: queues at the last check, those that are unused and too full, and those recently deleted. */
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

/** The part of the health report that each agent fills in; `runAgent` adds the rest. */
export type AgentHealth = Omit<Health, "version" | "agent" | "ready" | "lastDoneAt" | "donePerMinute">;

/** Seconds waited since `sinceMs` (milliseconds since 1970); undefined if nothing waits. */
export const waitingSeconds = (sinceMs: number | undefined, nowMs: number): number | undefined =>
  sinceMs === undefined ? undefined : Math.max(0, Math.round((nowMs - sinceMs) / 1000));

/** For one or more connections to brokers: connected if all are, blocked if one is. */
export function brokerHealth(
  ...states: readonly BrokerSessionState[]
): Pick<Health, "connectionTo" | "connected" | "blocked"> {
  return {
    connectionTo: "broker",
    connected: states.every((state) => state === "ready" || state === "blocked"),
    blocked: states.includes("blocked"),
  };
}
