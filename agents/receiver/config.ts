import { z } from "zod";
import { commonConfig, exchangeName, queueName } from "../lib/config.ts";
import { fileRule } from "../lib/file-rules.ts";
import { nameTemplateFault } from "./message-name.ts";

/** The receiver's config file. Relative paths of `…Directory` are taken from the config file's folder. */
export const configSchema = commonConfig.extend({
  exchange: exchangeName,
  exchangeType: z.enum(["topic", "fanout", "direct"]).default("topic"),
  declareExchange: z
    .boolean()
    .default(true)
    .describe(
      "make the exchange where it is missing; false where this user may not, or where others made it, e.g. not durable",
    ),
  queue: queueName.describe(
    "durable: it keeps messages while the receiver is away; receivers that share one share its messages",
  ),
  bindingKeys: z.array(z.string().max(255)).min(1).describe("topics that the queue is bound to"),
  prefetch: z.int().min(1).max(1000).default(100).describe("messages in hand at a time"),
  receiverQueueDirectory: z.string().min(2).describe("the rxq, where whole files are put; one receiver a folder"),
  asideDirectory: z
    .string()
    .optional()
    .describe(
      "messages that can't be files are kept here, with the reason, e.g. where this user may not publish; left out: they become dead letters",
    ),
  fileBytesMax: z
    .int()
    .min(0)
    .max(128 * 1024 * 1024)
    .default(128 * 1024 * 1024)
    .describe("larger messages are no files; brokers take 128 MiB at most"),
  fileMode: z
    .string()
    .regex(/^0?[0-7]{3}$/, "expected an octal mode, e.g. 0644")
    .default("0644")
    .describe("mode of the files, whatever the umask"),
  rules: z
    .array(fileRule)
    .default([])
    .describe("accept and reject, in their order; the first that matches a file's name decides; none: accepted"),
  nameHeader: z.string().min(1).max(128).default("filename").describe("header that says what the file is called"),
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
      `what a message without that header is called; \${key}: its routing key, \${id}: its message id, \${hash}: of all that and its body`,
    ),
  sameName: z
    .enum(["number", "replace"])
    .default("number")
    .describe(
      "where a file of that name and other content waits: number: the new one gets a number; replace: it replaces it",
    ),
  placedRemembered: z
    .int()
    .min(0)
    .max(1_000_000)
    .default(20_000)
    .describe("messages with an id that are known as placed, should the broker give them out again"),
  retryDelayMaxMs: z
    .int()
    .min(10)
    .max(600_000)
    .default(10_000)
    .describe("longest pause between tries while this host takes no files, e.g. disk full"),
});

export type Config = z.infer<typeof configSchema>;
