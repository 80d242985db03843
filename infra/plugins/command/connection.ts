import { createHash } from "node:crypto";
import { checkShape, type Field, type Shape } from "../lib/shape.ts";
import { isMap, type PropertyMap, revealMap, type Value } from "../lib/values.ts";

/** How to connect to a host and log in: with a key that no passphrase protects, to a host whose own key is known. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly privateKey: string;
  /** Failed attempts that are tolerated; -1 for no limit. */
  readonly dialErrorLimit: number;
  /** Seconds for one attempt; 0 for no limit. */
  readonly perDialTimeout: number;
  /** `TYPE BASE64` as in authorized_keys. */
  readonly hostKey: string;
}

export interface Connection extends Endpoint {
  /** The jump host. */
  readonly proxy?: Endpoint;
}

const endpointShape: Shape = {
  host: { type: "string", required: true },
  port: { type: "number", default: 22 },
  user: { type: "string", default: "root" },
  privateKey: { type: "string", required: true, secret: true },
  dialErrorLimit: { type: "integer", default: 10 },
  perDialTimeout: { type: "integer", default: 15 },
  hostKey: { type: "string", required: true, rule: hostKeyRule },
};

export const connectionShape: Shape = { ...endpointShape, proxy: { type: { object: endpointShape } } };

export const connectionField: Field = {
  type: { object: connectionShape },
  required: true,
  secret: true,
};

/** The checked input as settings. States of another origin may lack defaults, which the check fills in. */
export function toConnection(value: Value | undefined): Connection {
  if (!isMap(value)) throw new Error("connection: expected a map");
  const { values, failures } = checkShape(connectionShape, withoutNulls(value));
  if (failures[0] !== undefined) throw new Error(`connection.${failures[0].path}: ${failures[0].reason}`);
  return revealMap(values) as unknown as Connection;
}

function withoutNulls(map: PropertyMap): PropertyMap {
  const entries = Object.entries(map).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([name, value]) => [name, isMap(value) ? withoutNulls(value) : value]));
}

/** Equal for equal settings; reveals nothing of them. */
export function connectionKey(endpoint: Endpoint): string {
  const sorted = (_: string, value: Value) =>
    isMap(value) ? Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))) : value;
  return createHash("sha256").update(JSON.stringify(endpoint, sorted)).digest("hex");
}

/** For messages: `root@bunny1`, with the port unless it is 22. */
export function endpointName({ user, host, port }: Endpoint): string {
  return `${user}@${host}${port === 22 ? "" : `:${port}`}`;
}

export interface HostKey {
  readonly type: string;
  readonly blob: Buffer;
}

export function parseHostKey(text: string): HostKey | undefined {
  const [type, base64] = text.trim().split(/\s+/);
  if (type === undefined || base64 === undefined) return undefined;
  const blob = Buffer.from(base64, "base64");
  // A key starts with its type: length in four bytes, then the name.
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  return blob.subarray(4, 4 + length).toString() === type ? { type, blob } : undefined;
}

function hostKeyRule(value: Value): string | undefined {
  if (typeof value === "string" && parseHostKey(value) !== undefined) return undefined;
  return "expected a public key as in authorized_keys: TYPE BASE64, e.g. ssh-ed25519 AAAA…";
}
