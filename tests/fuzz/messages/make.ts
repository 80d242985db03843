import { createHash } from "node:crypto";
import type fc from "fast-check";
import { productKey } from "../../../agents/lib/announcement.ts";
import { encodeContentHeader, type RawMessage } from "../amqp/content.ts";
import { headerFrameBytesMax } from "../amqp/frames.ts";
import { draw, isValidTurn } from "../seeds.ts";
import type { Draft, FuzzMessage, Mutation, Parts } from "./draft.ts";

/** How the messages of one input are made. */
export interface MessageKind {
  /** The subject, for findings. */
  readonly name: string;
  readonly exchange: string;
  readonly mutations: fc.Arbitrary<Mutation[]>;
  /** Of the valid message that mutations begin with. */
  partsOf(index: number): Parts;
  compose(parts: Parts, index: number): Draft;
}

/** The message of one index: valid, or one to three changes away from that. */
export function makeMessage(kind: MessageKind, seed: number, index: number): FuzzMessage {
  const isValid = isValidTurn(index);
  const mutations = isValid ? [] : draw(kind.mutations, seed, index);
  const parts = mutations.reduce((before, { parts: change }) => change?.(before) ?? before, kind.partsOf(index));
  const draft = mutations.reduce((before, { draft: change }) => change?.(before) ?? before, kind.compose(parts, index));
  const what = isValid ? "valid" : mutations.map(({ label }) => label).join("; ");
  const isRisky = mutations.some((mutation) => mutation.isRisky);
  return fitted({ ...draft, index, isValid, what, isRisky, parts });
}

/** Headers that don't fit into a frame together are none that a peer could send: the last ones go. */
function fitted(message: FuzzMessage): FuzzMessage {
  const { headers, properties, body } = message;
  for (let count = headers.length; count > 0; count--) {
    const kept = headers.slice(0, count);
    const bytes = encodeContentHeader({ ...properties, headers: kept }, body.length).length;
    if (bytes + messageIdBytesMax <= headerFrameBytesMax) return { ...message, headers: kept };
  }
  return { ...message, headers: [] };
}

const messageIdBytesMax = 20;
/** Some have no id of their own. */
const withoutIdEvery = 7;

export function rawOf(kind: Pick<MessageKind, "exchange">, message: FuzzMessage): RawMessage {
  const { index, routingKey, headers, properties, body } = message;
  const messageId = index % withoutIdEvery === 3 ? {} : { messageId: Buffer.from(formatId(index)) };
  return { exchange: kind.exchange, routingKey, body, properties: { ...properties, headers, ...messageId } };
}

export function formatId(index: number): string {
  return `fuzz-${index}`;
}

export function indexOfId(id: string): number | undefined {
  const match = /^fuzz-(\d+)$/.exec(id);
  return match ? Number(match[1]) : undefined;
}

/** Tells one body from another. */
export function fingerprint(body: Buffer): string {
  return createHash("sha1").update(body).digest("base64");
}

/** The parts of a product that both servers could announce, another one for each index. */
export function productParts(index: number, baseUrl: string): Parts {
  const name = `p${index}~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902`;
  const size = String(1 + (index % 64));
  return { key: productKey(name), size, baseUrl, folder: `db/s${size}/`, name, time: "20150120181000.000" };
}
