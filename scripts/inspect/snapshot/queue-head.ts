import * as z from "zod";
import { printableBytes, printableLine } from "../../../agents/lib/foreign.ts";
import type { HeadEvidence } from "./evidence.ts";

const bodyBytesShown = 120;
const keyCharactersShown = 120;
const headersShown = 8;
const nameCharactersShown = 60;

const answerSchema = z.array(
  z.object({
    routing_key: z.string(),
    redelivered: z.boolean(),
    payload_bytes: z.number(),
    payload: z.string(),
    payload_encoding: z.enum(["string", "base64"]),
    // A message without properties has an empty list here.
    properties: z.union([z.looseObject({ headers: z.record(z.string(), z.unknown()).optional() }), z.array(z.never())]),
  }),
);

/** Parses the management API's answer to `get`. @returns undefined if the queue is empty @throws Error if the answer has another form */
export function parseHead(answer: unknown): HeadEvidence | undefined {
  const [message] = answerSchema.parse(answer);
  if (!message) return undefined;
  const { routing_key: key, payload, payload_encoding: encoding, properties } = message;
  const headers = Object.entries(("headers" in properties && properties.headers) || {});
  return {
    routingKey: printableLine(key, keyCharactersShown),
    redelivered: message.redelivered,
    bodyBytes: message.payload_bytes,
    body: printableBytes(Buffer.from(payload, encoding === "base64" ? "base64" : "utf8"), bodyBytesShown),
    headers: headers.slice(0, headersShown).map(([name, value]) => ({
      name: printableLine(name, nameCharactersShown),
      bytes: Buffer.byteLength(JSON.stringify(value) ?? ""),
    })),
    moreHeaders: Math.max(0, headers.length - headersShown),
  };
}

/** The message as one line. */
export function headText(queue: string, head: HeadEvidence | { readonly silent: string }): string {
  if ("silent" in head) return `the head of ${queue} can't be read: ${head.silent}`;
  const names = head.headers.map(({ name, bytes }) => `${name} (${bytes} bytes)`);
  const headers = names.length > 0 ? `, headers ${names.join(", ")}` : ", no headers";
  const more = head.moreHeaders > 0 ? ` and ${head.moreHeaders} more` : "";
  return `at the head of ${queue}: key ${head.routingKey}, ${head.bodyBytes} bytes "${head.body}"${headers}${more}`;
}
