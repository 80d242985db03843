import { createHash } from "node:crypto";
import { controlCharacter } from "../lib/foreign.ts";
import { checkFileName, nameBytesMax } from "../lib/receiver-queue.ts";
import { bad, good, type Result } from "../lib/result.ts";

/** The parts of a message that decide its file name. */
export interface Named {
  readonly routingKey: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
  readonly messageId?: string | undefined;
}

const placeholder = /\$\{([^}]*)\}/g;
const templateParts: readonly string[] = ["key", "id", "hash"];
/** A quarter of a SHA-256: enough to tell names apart. */
const hashDigits = 16;

const unsafeInName = new RegExp(`${controlCharacter.source}|/`, "g");

/** The problem of a name template; undefined if there is none. */
export function nameTemplateFault(template: string): string | undefined {
  const parts = [...template.matchAll(placeholder)].map(([, part = ""]) => part);
  const unknown = parts.find((part) => !templateParts.includes(part));
  if (unknown !== undefined) return `\${${unknown}} is none of ${templateParts.join(", ")}`;
  if (!parts.includes("hash") && !parts.includes("id"))
    return `expected \${hash} or \${id} in it, so that names differ`;
  return checkFileName(template.replace(placeholder, "x")).ok ? undefined : "would make invalid file names";
}

/**
 * The name of a message's file: the header's value, unchanged, if it is a valid file name; without that header, a name from the
 * template. A redelivered message gets the same name again.
 * @returns bad with the problem of the header's value
 */
export function nameOf(message: Named, nameHeader: string, nameTemplate: string): Result<string> {
  const header = message.headers[nameHeader];
  if (header === undefined || header === null) return good(templateName(message, nameTemplate));
  if (typeof header !== "string") return bad(`header ${nameHeader} is not text`);
  const name = checkFileName(header);
  return name.ok ? name : bad(`header ${nameHeader}: ${name.reason}`);
}

/** Valid for every key: invalid characters are replaced, a key that is too long is cut, the hash stays intact. */
function templateName(message: Named, template: string): string {
  const { routingKey, messageId = "" } = message;
  const hash = hashOf(message).slice(0, hashDigits);
  const fill = (key: string) =>
    template
      .replace(placeholder, (_, part: string) => (part === "key" ? key : part === "id" ? messageId || hash : hash))
      .replace(unsafeInName, "_")
      .replace(/^\./, "_")
      .replace(/\.tmp$/, "_tmp");
  const name = fill(routingKey);
  const tooMany = Buffer.byteLength(name) - nameBytesMax;
  if (tooMany <= 0) return name;
  const shorter = fill(cutEnd(routingKey, tooMany));
  return Buffer.byteLength(shorter) <= nameBytesMax ? shorter : `message.${hash}`;
}

/** A hash of everything that tells messages apart; a redelivered message has the same. */
export function hashOf({ routingKey, body, messageId = "" }: Omit<Named, "headers">): string {
  return createHash("sha256").update(`${messageId}\0${routingKey}\0`).update(body).digest("hex");
}

/**
 * Numbers a name that another file already has: `WHAT~2:URP:…`, so that the colon fields by which Sundew routes stay unchanged. A name
 * that gets too long is cut before the number.
 */
export function numberedName(name: string, number: number): string {
  const at = name.indexOf(":");
  const [what, rest] = at > 0 ? [name.slice(0, at), name.slice(at)] : [name, ""];
  const mark = `~${number}`;
  const tooMany = Buffer.byteLength(what + mark + rest) - nameBytesMax;
  if (tooMany <= 0) return what + mark + rest;
  const shorter = cutEnd(what, tooMany);
  // The fields alone fill the name: they are cut too.
  return shorter === ""
    ? cutEnd(name, Buffer.byteLength(mark) + Buffer.byteLength(name) - nameBytesMax) + mark
    : shorter + mark + rest;
}

/** Removes characters from the end until at least `bytes` bytes are gone. */
function cutEnd(text: string, bytes: number): string {
  const characters = [...text];
  for (let gone = 0; characters.length > 0 && gone < bytes; ) gone += Buffer.byteLength(characters.pop() ?? "");
  return characters.join("");
}
