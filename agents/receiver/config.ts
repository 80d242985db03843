import * as z from "zod";
import { commonConfig, exchangeName, queueName } from "../lib/config.ts";
import { fileRule } from "../lib/file-rules.ts";
import { nameTemplateFault } from "./message-name.ts";

/** The receiver's config file. Relative paths in `…Directory` start from the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName,
  exchangeType: z.enum(["topic", "fanout", "direct"]).default("topic"),
  declareExchange: z
    .boolean()
    .default(true)
    .describe(
      "declare the exchange if it is missing; false if this user may not, or if others declared it, e.g. not durable",
    ),
  queue: queueName.describe(
    "durable queue; it keeps messages while the receiver is down; receivers that share it share its messages",
  ),
  bindingKeys: z.array(z.string().max(255)).min(1).describe("topics that the queue is bound to"),
  prefetch: z.int().min(1).max(1000).default(100).describe("unacknowledged messages at a time"),
  receiverQueueDirectory: z.string().min(2).describe("the rxq, the folder for complete files; one receiver per folder"),
  asideDirectory: z
    .string()
    .optional()
    .describe(
      "folder for messages that can't become files, with the reason, e.g. if this user may not publish; default: they are dead-lettered",
    ),
  fileBytesMax: z
    .int()
    .min(0)
    .max(128 * 1024 * 1024)
    .default(128 * 1024 * 1024)
    .describe("larger messages don't become files; RabbitMQ's limit is 128 MiB"),
  fileMode: z
    .string()
    .regex(/^0?[0-7]{3}$/, "expected an octal mode, e.g. 0644")
    .default("0644")
    .describe("mode of the files; the umask has no effect"),
  rules: z
    .array(fileRule)
    .default([])
    .describe("accept and reject rules; the first that matches a file's name decides; no match: accepted"),
  nameHeader: z.string().min(1).max(128).default("filename").describe("header that contains the file's name"),
  nameTemplate: z
    .string()
    .min(1)
    .max(200)
    .superRefine((text, context) => {
      const fault = nameTemplateFault(text);
      if (fault !== undefined) context.addIssue({ code: "custom", message: fault, input: text });
    })
    .default("$".concat("{key}.$", "{hash}"))
    .describe(
      `file name for a message without that header; \${key}: its routing key, \${id}: its message id, \${hash}: a hash of both and the body`,
    ),
  sameName: z
    .enum(["number", "replace"])
    .default("number")
    .describe(
      "if a file with that name but other content is waiting: number: number the new file; replace: replace the old one",
    ),
  placedRemembered: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(20_000)
    .describe("messages with an id that are remembered as placed, in case the broker redelivers them"),
  retryDelayMaxMs: z
    .int()
    .min(10)
    .max(600_000)
    .default(10_000)
    .describe("longest pause between retries while files can't be written, e.g. the disk is full"),
});

export type Config = z.infer<typeof configSchema>;
