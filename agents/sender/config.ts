import { z } from "zod";
import { commonConfig, exchangeName } from "../lib/config.ts";
import { topicPrefix } from "../lib/dispatch-topics.ts";
import { capturesOf, fileRule } from "../lib/file-rules.ts";
import { checkSftpServer, checkTemplates, deliveryKeys, ftpServer, sftpServer } from "./delivery-config.ts";
import { keyFault } from "./exchange-key.ts";

const alsoFormat = z.strictObject({
  format: z.enum(["v00", "v02", "v03", "exp"]),
  exchange: exchangeName.optional().describe("topic exchange; left out: that of the sender"),
  topicPrefix: topicPrefix.describe(
    "first words of the routing key, e.g. v02.post; the folders of the URL's path follow",
  ),
});

/** What every type has. */
const senderKeys = {
  queueDirectory: z
    .string()
    .min(2)
    .describe("the txq: files in it, in folders of priority (0 to 5) and hour (YYYYMMDDHH); one sender a folder"),
  asideDirectory: z
    .string()
    .optional()
    .describe("files that can't be sent, with the reason; on the same disk; left out: .aside in queueDirectory"),
  rejected: z
    .enum(["remove", "aside"])
    .default("remove")
    .describe("what becomes of files that are rejected, or that no rule matches"),
  validation: z
    .boolean()
    .default(true)
    .describe("only names of seven colon fields with priority and time are sent; others go aside"),
  noDuplicates: z
    .boolean()
    .default(true)
    .describe(
      "what was sent already, byte for byte, is not sent again, unless it is in folder 0; forgotten at a restart",
    ),
  duplicateSeconds: z.int().min(1).max(604_800).default(28_800).describe("how long that is known"),
  duplicatesMax: z.int().min(1).max(5_000_000).default(125_000).describe("how many are known; the oldest go first"),
  batch: z.int().min(1).max(1000).default(100).describe("files taken at a time"),
  batchBytesMax: z
    .int()
    .min(1)
    .default(64 * 1024 * 1024)
    .describe("a batch ends where its files have so many bytes"),
  settleMs: z
    .int()
    .min(0)
    .max(3_600_000)
    .default(100)
    .describe("a file is taken when it was not written to for so long (mtime of old, in seconds)"),
  emptySettleMs: z.int().min(0).max(3_600_000).default(5000).describe("an empty file goes aside after so long"),
  pollMs: z
    .int()
    .min(10)
    .max(60_000)
    .default(1000)
    .describe("how often the folder is looked through where nothing tells of new files"),
  retryDelayMaxMs: z.int().min(100).max(600_000).default(10_000).describe("longest pause while files are not taken"),
};

const amqpObject = commonConfig.extend({
  type: z.literal("amqp").optional().default("amqp").describe("a file becomes a message"),
  ...senderKeys,
  rules: z
    .array(fileRule)
    .min(1)
    .describe("accept and reject, in their order; the first that matches a file's name decides; none: rejected"),
  fileBytesMax: z
    .int()
    .min(1)
    .max(128 * 1024 * 1024)
    .default(16 * 1024 * 1024)
    .describe("larger files go aside; brokers take 128 MiB at most"),
  exchange: exchangeName,
  exchangeType: z.enum(["topic", "fanout", "direct"]).default("topic"),
  declareExchange: z
    .boolean()
    .default(true)
    .describe("make the exchanges where they are missing; false where others have made them, e.g. not durable"),
  exchangeKey: z
    .string()
    .max(1000)
    .default("")
    .describe(
      `routing key; \${0} is the first capture of the pattern that accepted, \${CCCC} and the like parts of the name`,
    ),
  contentType: z.string().min(1).max(255).default("text/plain"),
  wholeNameInHeader: z
    .boolean()
    .default(false)
    .describe("header filename is the whole name; false: without the reception stamp, as of old"),
  requireQueue: z
    .boolean()
    .default(false)
    .describe("a message that no queue takes is kept until one does; false: nobody wants it, it is done"),
  alsoFormats: z
    .array(alsoFormat)
    .max(8)
    .default([])
    .describe("the file's content is a URL: announced in these formats, too"),
  productRootDirectory: z
    .string()
    .min(2)
    .optional()
    .describe("where the URLs' paths are on this host: size and md5 for alsoFormats; v00 needs them"),
});

export const amqpConfig = amqpObject.superRefine((config, context) => {
  const accepted = config.rules.flatMap(({ accept }) => (accept === undefined ? [] : [capturesOf(accept)]));
  const fault = keyFault(config.exchangeKey, accepted.length === 0 ? 0 : Math.min(...accepted));
  if (fault !== undefined) {
    context.addIssue({ code: "custom", path: ["exchangeKey"], message: fault, input: config.exchangeKey });
  }
  const needsFacts = config.alsoFormats.findIndex(({ format }) => format === "v00");
  if (needsFacts >= 0 && config.productRootDirectory === undefined) {
    const message = "v00 says size and md5: expected productRootDirectory, where the products are";
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
    .describe("larger files go aside"),
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

/** The sender's config file, by `type`. Relative paths of `…Directory` and `…File` are taken from the config file's folder. */
export const configSchema = z.discriminatedUnion("type", [amqpConfig, sftpConfig, ftpConfig]);

export type Config = z.infer<typeof configSchema>;
export type AmqpConfig = z.infer<typeof amqpConfig>;
export type SftpConfig = z.infer<typeof sftpConfig>;
export type FtpConfig = z.infer<typeof ftpConfig>;
/** Of a sender that delivers to a server. */
export type DeliveryConfig = SftpConfig | FtpConfig;

/** What of a config is not of one destination alone. */
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
