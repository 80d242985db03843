import type { Properties } from "../amqp/content.ts";
import type { Table } from "../amqp/fields.ts";

/** What announcements of every format are composed of, as text: mutated parts are written as they stand. */
export interface Parts {
  readonly key: string;
  readonly size: string;
  readonly baseUrl: string;
  /** Below the base URL, with a `/` at its end. */
  readonly folder: string;
  readonly name: string;
  /** `20150120181000.000`. */
  readonly time: string;
}

/** A message that is being made. */
export interface Draft {
  readonly routingKey: Buffer;
  readonly headers: Table;
  readonly properties: Omit<Properties, "headers" | "messageId">;
  readonly body: Buffer;
}

/** One change that a peer might have made. */
export interface Mutation {
  /** Short, for findings. */
  readonly label: string;
  readonly parts?: (parts: Parts) => Parts;
  readonly draft?: (draft: Draft) => Draft;
  /** The broker may close the connection over it. */
  readonly isRisky?: boolean;
}

/** A message of one run. */
export interface FuzzMessage extends Draft {
  readonly index: number;
  readonly isValid: boolean;
  /** Its mutations. */
  readonly what: string;
  readonly isRisky: boolean;
  /** As they were before the mutations of the draft. */
  readonly parts: Parts;
}

export function withHeader(draft: Draft, name: Buffer | string, value: Table[number][1]): Draft {
  return { ...draft, headers: [...draft.headers, [Buffer.from(name), value]] };
}

export function textField(text: string): Table[number][1] {
  return { type: "string", value: Buffer.from(text) };
}
