import { z } from "zod";
import { regularExpression } from "../lib/arrivals.ts";
import { commonConfig } from "../lib/config.ts";

const seconds = z
  .int()
  .min(1)
  .max(365 * 86_400);

/** Limits and times of the queues that a pattern names. */
export const queueClass = z
  .strictObject({
    name: z.string().min(1).max(100),
    pattern: regularExpression.describe("names of queues of this class; the first class that matches has the queue"),
    messagesMax: z.int().min(0).default(25_000).describe("an unused queue with more messages is too full"),
    bytesMax: z.int().min(0).default(50_000_000).describe("or with more bytes in the bodies of its messages"),
    warnAfterSeconds: seconds
      .default(600)
      .describe("unused and too full for so long (figures are up to 5 s old): told"),
    unbindAfterSeconds: seconds.default(3600).describe("and so long: it gets nothing more, and keeps what it has"),
    deleteAfterSeconds: seconds.default(86_400).describe("and so long: it is deleted, if it is unused still"),
  })
  .superRefine(checkTimes);
export type QueueClass = z.infer<typeof queueClass>;

type Times = Record<"warnAfterSeconds" | "unbindAfterSeconds" | "deleteAfterSeconds", number>;

/** Rule over several keys: a queue is told of before it is unbound, and unbound before it is deleted. */
export function checkTimes(times: Times, context: z.RefinementCtx): void {
  const { warnAfterSeconds: warn, unbindAfterSeconds: unbind, deleteAfterSeconds: remove } = times;
  if (warn <= unbind && unbind <= remove) return;
  const message = "expected warnAfterSeconds <= unbindAfterSeconds <= deleteAfterSeconds";
  context.addIssue({ code: "custom", message, input: [warn, unbind, remove] });
}

const management = z.strictObject({
  urls: z
    .array(z.url({ protocol: /^https?$/, error: "expected a URL, e.g. https://10.203.0.51:15671" }))
    .min(1)
    .max(16)
    .describe("management APIs of one cluster's brokers, tried in turn, the first first"),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe("certificates of CAs that are believed over HTTPS, PEM; else the system's"),
  user: z.string().min(1),
  passwordFile: z.string().min(1).describe("file that holds the password alone"),
  requestTimeoutMs: z.int().min(100).max(600_000).default(10_000),
});

/** The queue manager's config file. Relative paths of `…File` are taken from the config file's folder. */
export const configSchema = commonConfig.omit({ broker: true }).extend({
  management,
  vhosts: z.array(z.string().min(1)).min(1).max(64).default(["/"]),
  dryRun: z.boolean().default(true).describe("tell what would be done, and do nothing"),
  keep: z
    .array(regularExpression)
    .default([])
    .describe("names of queues left alone, beside those that begin with cmc."),
  classes: z
    .array(queueClass)
    .min(1)
    .max(32)
    .prefault([{ name: "clients", pattern: "" }])
    .describe("limits and times by the queue's name; a queue of no class is left alone"),
  intervalSeconds: z.int().min(1).max(3600).default(60).describe("between two looks at all queues"),
  stepsMax: z.int().min(1).max(10_000).default(20).describe("queues unbound or deleted after one look; others wait"),
  queuesMax: z.int().min(1).max(1_000_000).default(50_000).describe("where a vhost has more, nothing is decided"),
  auditBytesMax: z.int().min(10_000).default(16_777_216).describe("of the audit file; then it becomes audit.jsonl.1"),
});

export type Config = z.infer<typeof configSchema>;
