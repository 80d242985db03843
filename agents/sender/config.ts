import * as z from "zod";
import { commonConfig, exchangeName } from "../lib/config.ts";
import { topicPrefix } from "../lib/dispatch-topics.ts";
import { capturesOf, type FileRule, fileRule } from "../lib/file-rules.ts";
import { checkSftpServer, checkTemplates, deliveryKeys, ftpServer, sftpServer } from "./delivery-config.ts";
import { keyFault } from "./exchange-key.ts";

const alsoFormat = z.strictObject({
  format: z.enum(["v00", "v02", "v03", "exp"]),
  exchange: exchangeName.optional().describe("topic exchange; default: that of the sender"),
  topicPrefix: topicPrefix.describe(
    "first words of the routing key, e.g. v02.post; the folders of the URL's path follow",
  ),
});

/** Keys that all types share. */
const senderKeys = {
  queueDirectory: z
    .string()
    .min(2)
    .describe("the txq: files in folders of priority (0 to 5) and hour (YYYYMMDDHH); one sender per folder"),
  asideDirectory: z
    .string()
    .optional()
    .describe(
      "folder for files that can't be sent, with the reason; on the same disk; default: .aside in queueDirectory",
    ),
  rejected: z
    .enum(["remove", "aside"])
    .default("remove")
    .describe("remove files that a rule rejects or that match no rule, or set them aside"),
  validation: z
    .boolean()
    .default(true)
    .describe("send only files whose names have seven colon fields with priority and time; set others aside"),
  noDuplicates: z
    .boolean()
    .default(true)
    .describe("don't send the same content twice, unless the file is in folder 0; forgotten at a restart"),
  duplicateSeconds: z.int().min(1).max(604_800).default(28_800).describe("how long a sent content is remembered"),
  duplicatesMax: z
    .int()
    .min(1)
    .max(5_000_000)
    .default(125_000)
    .describe("how many are remembered; beyond it the oldest are forgotten"),
  batch: z.int().min(1).max(1000).default(100).describe("files sent at a time"),
  batchBytesMax: z
    .int()
    .min(1)
    .default(64 * 1024 * 1024)
    .describe("bytes of the files in a batch"),
  settleMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(100)
    .describe("a file is sent once it is unchanged for so long (Sundew: mtime, in seconds)"),
  emptySettleMs: z.int().min(0).max(3_600_000).default(5000).describe("an empty file is set aside after so long"),
  pollMs: z
    .int()
    .min(10)
    .max(60_000)
    .default(1000)
    .describe("how often the folder is scanned if no events report new files"),
  retryDelayMaxMs: z.int().min(100).max(600_000).default(10_000).describe("longest pause between retries"),
};

const amqpObject = commonConfig.extend({
  type: z.literal("amqp").optional().default("amqp").describe("a file becomes a message"),
  ...senderKeys,
  rules: z
    .array(fileRule)
    .min(1)
    .describe("accept and reject rules; the first that matches a file's name decides; no match: rejected"),
  fileBytesMax: z
    .int()
    .min(1)
    .max(128 * 1024 * 1024)
    .default(16 * 1024 * 1024)
    .describe("larger files are set aside; RabbitMQ's limit is 128 MiB"),
  exchange: exchangeName,
  exchangeType: z.enum(["topic", "fanout", "direct"]).default("topic"),
  declareExchange: z
    .boolean()
    .default(true)
    .describe("declare missing exchanges; false if others declared them, e.g. not durable"),
  exchangeKey: z
    .string()
    .max(1000)
    .default("")
    .describe(
      `routing key; \${0} is the first capture of the accepting pattern; \${CCCC} and the like are parts of the name`,
    ),
  contentType: z.string().min(1).max(255).default("text/plain"),
  wholeNameInHeader: z
    .boolean()
    .default(false)
    .describe("put the full name into the header filename; false: without the reception stamp, like Sundew"),
  requireQueue: z
    .boolean()
    .default(false)
    .describe("true: keep a message that reaches no queue and retry until it does; false: drop it"),
  alsoFormats: z
    .array(alsoFormat)
    .max(8)
    .default([])
    .describe("further announcements of the URL that is the file's content"),
  productRootDirectory: z
    .string()
    .min(2)
    .optional()
    .describe("folder on this host for the paths in the URLs, to read size and md5 for alsoFormats; required for v00"),
});

/** Rule across keys: the routing key of every accepted file can be filled in. */
export function checkExchangeKey(
  { rules, exchangeKey }: { readonly rules: readonly FileRule[]; readonly exchangeKey?: string | undefined },
  context: z.RefinementCtx,
): void {
  const accepted = rules.flatMap(({ accept }) => (accept === undefined ? [] : [capturesOf(accept)]));
  const fault = keyFault(exchangeKey ?? "", accepted.length === 0 ? 0 : Math.min(...accepted));
  if (fault !== undefined) {
    context.addIssue({ code: "custom", path: ["exchangeKey"], message: fault, input: exchangeKey });
  }
}

export const amqpConfig = amqpObject.superRefine((config, context) => {
  checkExchangeKey(config, context);
  const needsFacts = config.alsoFormats.findIndex(({ format }) => format === "v00");
  if (needsFacts >= 0 && config.productRootDirectory === undefined) {
    const message = "v00 contains size and md5: expected productRootDirectory, the folder of the products";
    context.addIssue({ code: "custom", path: ["alsoFormats", needsFacts, "format"], message, input: "v00" });
  }
});

const deliveryObject = commonConfig.omit({ broker: true }).extend({
  ...senderKeys,
  ...deliveryKeys,
  fileBytesMax: z
    .int()
    .min(1)
    .max(64 * 1024 * 1024 * 1024)
    .default(4 * 1024 * 1024 * 1024)
    .describe("larger files are set aside"),
});

const sftpConfig = deliveryObject
  .extend({ type: z.literal("sftp").describe("a file is delivered by SFTP"), server: sftpServer })
  .superRefine((config, context) => {
    checkTemplates(config, context);
    checkSftpServer(config, context);
  });

const ftpConfig = deliveryObject
  .extend({ type: z.literal("ftp").describe("a file is delivered by FTP"), server: ftpServer })
  .superRefine(checkTemplates);

/** The sender's config file, by `type`. Relative paths in `…Directory` and `…File` start from the config file's folder. */
export const configSchema = z.discriminatedUnion("type", [amqpConfig, sftpConfig, ftpConfig]);

export type Config = z.infer<typeof configSchema>;
export type AmqpConfig = z.infer<typeof amqpConfig>;
export type SftpConfig = z.infer<typeof sftpConfig>;
export type FtpConfig = z.infer<typeof ftpConfig>;
/** The config of a sender that delivers to a server. */
export type DeliveryConfig = SftpConfig | FtpConfig;

/** The keys that don't depend on the destination. */
export type QueueConfig = Pick<
  Config,
  | "queueDirectory"
  | "rules"
  | "rejected"
  | "validation"
  | "batch"
  | "batchBytesMax"
  | "fileBytesMax"
  | "settleMs"
  | "emptySettleMs"
  | "pollMs"
  | "retryDelayMaxMs"
>;
