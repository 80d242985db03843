import * as z from "zod";
import { regularExpression } from "../lib/arrivals.ts";
import { commonConfig } from "../lib/config.ts";

const seconds = z
  .int()
  .min(1)
  .max(365 * 86_400);

/** Limits and times for the queues that match a pattern. */
export const queueClass = z
  .strictObject({
    name: z.string().min(1).max(100),
    pattern: regularExpression.describe("names of the queues in this class; the first matching class applies"),
    messagesMax: z.int().min(0).default(25_000).describe("an unused queue with more messages is over its limit"),
    bytesMax: z.int().min(0).default(50_000_000).describe("or with more bytes in its message bodies"),
    warnAfterSeconds: seconds
      .default(600)
      .describe("unused and over its limit for so long (figures are up to 5 s old): a warning is logged"),
    unbindAfterSeconds: seconds.default(3600).describe("for so long: it is unbound, and keeps its messages"),
    deleteAfterSeconds: seconds.default(86_400).describe("the grace: for so long, and it is deleted, if still unused"),
  })
  .superRefine(checkTimes);
export type QueueClass = z.infer<typeof queueClass>;

type Times = Record<"warnAfterSeconds" | "unbindAfterSeconds" | "deleteAfterSeconds", number>;

/** Rule across keys: a queue is warned about before it is unbound, and unbound before it is deleted. */
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
    .describe("management APIs of one cluster's brokers, in the order in which they are tried"),
  caFile: z.string().min(1).optional().describe("certificates of trusted CAs for HTTPS, PEM; default: the system's"),
  user: z.string().min(1),
  passwordFile: z.string().min(1).describe("file that contains only the password"),
  requestTimeoutMs: z.int().min(100).max(600_000).default(10_000),
});

/** The queue manager's config file. Relative paths in `…File` start from the config file's folder. */
export const configSchema = commonConfig.omit({ broker: true }).extend({
  management,
  vhosts: z.array(z.string().min(1)).min(1).max(64).default(["/"]),
  dryRun: z.boolean().default(false).describe("report the steps, but change nothing"),
  // Without a default: whoever runs this agent by hand must name the system's own queues, as a stack does.
  keep: z
    .array(regularExpression)
    .describe("names of queues to leave alone: the system's own, e.g. ^cmc\\.urp\\., and others"),
  classes: z
    .array(queueClass)
    .min(1)
    .max(32)
    .prefault([{ name: "clients", pattern: "" }])
    .describe("limits and times by the queue's name; a queue without a class is left alone"),
  intervalSeconds: z.int().min(1).max(3600).default(60).describe("time between two polls of all queues"),
  stepsMax: z.int().min(1).max(10_000).default(20).describe("queues unbound or deleted per poll; others wait"),
  queuesMax: z.int().min(1).max(1_000_000).default(50_000).describe("if a vhost has more queues, no steps are taken"),
  auditBytesMax: z
    .int()
    .min(10_000)
    .default(16_777_216)
    .describe("size of the audit file; a larger one is renamed to audit.jsonl.1"),
});

export type Config = z.infer<typeof configSchema>;
