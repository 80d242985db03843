import type { Announcement } from "../lib/announcement.ts";
import { codecExp } from "../lib/codec-exp.ts";
import { codecs, type WireFormat } from "../lib/codecs.ts";
import { markHeaders } from "../lib/headers.ts";
import { good, type Result } from "../lib/result.ts";
import { formatTopic } from "../lib/topics.ts";
import type { AmqpConfig } from "./config.ts";
import { formatKey } from "./exchange-key.ts";
import type { OutgoingFile } from "./ports.ts";
import { headerName } from "./px-name.ts";

/** One message, ready to be published. */
export interface OutgoingMessage {
  readonly format: WireFormat | "file";
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
}

/** The messages of a file. */
export interface Composed {
  /** The file's own comes first. */
  readonly messages: readonly OutgoingMessage[];
  /** Formats in which it can't be announced, with the reason. */
  readonly leftOut: readonly { readonly format: WireFormat; readonly reason: string }[];
}

/** Size and md5 of the product at a URL's path, or the reason why they are not available. */
export type ProductFacts = (relPath: string) => Promise<Result<{ readonly sizeBytes: number; readonly md5: string }>>;

type MessageConfig = Pick<
  AmqpConfig,
  "exchange" | "exchangeKey" | "contentType" | "wholeNameInHeader" | "alsoFormats" | "productRootDirectory"
>;

/**
 * The messages of one file: its bytes, unchanged, with the routing key from `exchangeKey`; and, if configured, the same announcement in
 * other formats.
 * @returns bad if the file can never be sent with this config
 */
export async function composeMessages(
  { file, captures, again }: OutgoingFile,
  body: Buffer,
  config: MessageConfig,
  ports: { readonly productFacts: ProductFacts; readonly nowMs: number },
): Promise<Result<Composed>> {
  const routingKey = formatKey(config.exchangeKey, file.name, captures);
  if (!routingKey.ok) return routingKey;
  const mark = again ? markHeaders({ again: true }) : {};
  const filename = config.wholeNameInHeader ? file.name : headerName(file.name);
  const { exchange, contentType } = config;
  const own = { exchange, routingKey: routingKey.value, body, headers: { filename, ...mark }, contentType };
  const messages: OutgoingMessage[] = [{ format: "file", ...own }];
  const leftOut: { format: WireFormat; reason: string }[] = [];
  if (config.alsoFormats.length === 0) return good({ messages, leftOut });
  const announced = codecExp.parse({ body });
  if (!announced.ok) return { ok: false, reason: `its content is not a URL: ${announced.reason}` };
  const facts = await factsOf(announced.value, config, ports.productFacts);
  for (const also of config.alsoFormats) {
    const { baseUrl, relPath } = announced.value;
    const known = { baseUrl, relPath, pubTimeMs: ports.nowMs, ...(facts.ok ? facts.value : {}) };
    const topic = formatTopic(also.topicPrefix, relPath, "");
    const message = codecs[also.format].format(known);
    if (!topic.ok) leftOut.push({ format: also.format, reason: topic.reason });
    else if (!message.ok) {
      const reason = facts.ok ? message.reason : `${message.reason}: ${facts.reason}`;
      leftOut.push({ format: also.format, reason });
    } else {
      const headers = { ...message.value.headers, ...mark };
      const to = { exchange: also.exchange ?? exchange, routingKey: topic.value };
      messages.push({ format: also.format, ...to, ...message.value, headers });
    }
  }
  return good({ messages, leftOut });
}

/** v00 carries the md5 as `key`, v02 and v03 as a `sum` with its method. */
async function factsOf(
  { relPath }: Announcement,
  { productRootDirectory }: MessageConfig,
  productFacts: ProductFacts,
): Promise<Result<Pick<Announcement, "sizeBytes" | "key" | "sum">>> {
  if (productRootDirectory === undefined) return good({});
  const facts = await productFacts(relPath);
  if (!facts.ok) return facts;
  const { sizeBytes, md5 } = facts.value;
  return good({ sizeBytes, key: md5, sum: { method: "md5", value: md5 } });
}
