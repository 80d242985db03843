import { inspect } from "node:util";
import type fc from "fast-check";
import { productKey } from "../../../agents/lib/announcement.ts";
import type { WireFormat } from "../../../agents/lib/codecs.ts";
import { type Field, type Table, textField } from "../amqp/fields.ts";
import type { Properties } from "../amqp/frames.ts";

/** The parts of an announcement in any format, as text: mutated parts are written unchanged. */
export interface Parts {
  readonly key: string;
  readonly size: string;
  readonly baseUrl: string;
  /** Relative to the base URL, with a `/` at the end. */
  readonly folder: string;
  readonly name: string;
  /** As `20150120181000.000`. */
  readonly time: string;
}

/** A message before it is sent. */
export interface Draft {
  readonly routingKey: Buffer;
  readonly headers: Table;
  readonly properties: Omit<Properties, "headers" | "messageId">;
  readonly body: Buffer;
}

/** A change that a peer might have made. */
export interface Mutation {
  /** Short, for findings. */
  readonly label: string;
  readonly parts?: (parts: Parts) => Parts;
  readonly draft?: (draft: Draft) => Draft;
  /** The broker may close the connection over it. */
  readonly isRisky?: boolean;
}

/** A value on one line, cut to a readable length. */
export const show = (value: unknown): string => inspect(value, { maxStringLength: 60, breakLength: Infinity });

/** Mutations of one kind, with values from an arbitrary. */
export function changes<T>(
  values: fc.Arbitrary<T>,
  label: string | ((value: T) => string),
  change: (draft: Draft, value: T) => Draft,
): fc.Arbitrary<Mutation> {
  return values.map((value) => ({
    label: typeof label === "string" ? `${label} ${show(value)}` : label(value),
    draft: (draft) => change(draft, value),
  }));
}

/** Mutations of bodies. */
export function bodies<T>(
  values: fc.Arbitrary<T>,
  label: string,
  change: (body: Buffer, value: T) => Buffer | string,
): fc.Arbitrary<Mutation> {
  return changes(values, `body ${label}`, (draft, value) => ({
    ...draft,
    body: Buffer.from(change(draft.body, value)),
  }));
}

export function withHeader(draft: Draft, name: Buffer | string, value: Field): Draft {
  return { ...draft, headers: [...draft.headers, [Buffer.from(name), value]] };
}

/** The parts of a product that both servers could announce; a different one for each index. */
export function productParts(index: number, baseUrl: string): Parts {
  const name = `p${index}~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902`;
  const size = String(1 + (index % 64));
  return { key: productKey(name), size, baseUrl, folder: `db/s${size}/`, name, time: "20150120181000.000" };
}

/** An announcement in one format, with routing key `TOPIC.pINDEX`. */
export function announcement(format: WireFormat, parts: Parts, topic: string, index: number): Draft {
  const { key, size, baseUrl, folder, name, time } = parts;
  const path = folder + name;
  const draft = (body: string, headers: Readonly<Record<string, string>> = {}): Draft => ({
    routingKey: Buffer.from(`${topic}.p${index}`),
    headers: Object.entries(headers).map(([header, text]) => [Buffer.from(header), textField(text)]),
    properties: {},
    body: Buffer.from(body),
  });
  if (format === "v00") return draft(`${key} ${size} ${baseUrl} ${path}`, { filename: name });
  if (format === "v02") return draft(`${time} ${baseUrl} ${path}`, { sum: `d,${key}`, parts: `1,${size},1,0,0` });
  if (format === "exp") return draft(baseUrl + path);
  const identity = { method: "md5", value: Buffer.from(key, "hex").toString("base64") };
  const text = JSON.stringify({ pubTime: `${time.slice(0, 8)}T${time.slice(8)}`, baseUrl, relPath: path, identity });
  // Written as text, so that size 9999999999999999 keeps all digits.
  const sizeText = /^[0-9]+$/.test(size) ? size : JSON.stringify(size);
  return draft(`${text.slice(0, -1)},"size":${sizeText}}`);
}
