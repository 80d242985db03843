import { createHash } from "node:crypto";
import { controlCharacter } from "../lib/foreign.ts";
import { checkFileName, nameBytesMax } from "../lib/receiver-queue.ts";
import { bad, good, type Result } from "../lib/result.ts";

/** What a message is called by. */
export interface Named {
  readonly routingKey: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
  readonly messageId?: string | undefined;
}

const placeholder = /\$\{([^}]*)\}/g;
const templateParts: readonly string[] = ["key", "id", "hash"];
/** A third of what tells two contents apart beyond doubt: enough for names. */
const hashDigits = 16;

const unsafeInName = new RegExp(`${controlCharacter.source}|/`, "g");

/** What is wrong with a template for names; undefined where nothing is. */
export function nameTemplateFault(template: string): string | undefined {
  const parts = [...template.matchAll(placeholder)].map(([, part = ""]) => part);
  const unknown = parts.find((part) => !templateParts.includes(part));
  if (unknown !== undefined) return `\${${unknown}} is none of ${templateParts.join(", ")}`;
  if (!parts.includes("hash") && !parts.includes("id"))
    return `expected \${hash} or \${id} in it, or all have one name`;
  return checkFileName(template.replace(placeholder, "x")).ok ? undefined : "would make names that no file may have";
}

/**
 * The name of a message's file: what its header says, as it stands, where a file may be called so; from the template where it has no such
 * header. The same message gets the same name, however often it is given out.
 * @returns bad with what is wrong with the name in the header
 */
export function nameOf(message: Named, nameHeader: string, nameTemplate: string): Result<string> {
  const said = message.headers[nameHeader];
  if (said === undefined || said === null) return good(templateName(message, nameTemplate));
  if (typeof said !== "string") return bad(`header ${nameHeader} is no text`);
  const name = checkFileName(said);
  return name.ok ? name : bad(`header ${nameHeader}: ${name.reason}`);
}

/** Fits whatever the key is: what no file may be called is replaced, what is too long is cut, the hash stays whole. */
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

/** Of all that tells one message from another; the same each time it is given out. */
export function hashOf({ routingKey, body, messageId = "" }: Omit<Named, "headers">): string {
  return createHash("sha256").update(`${messageId}\0${routingKey}\0`).update(body).digest("hex");
}

/**
 * The same name with a number, for another file of that name: `WHAT~2:URP:…`, so that the colon fields by which Sundew routes stay what
 * they are. What gets too long is cut before the number.
 */
export function numberedName(name: string, number: number): string {
  const at = name.indexOf(":");
  const [what, rest] = at > 0 ? [name.slice(0, at), name.slice(at)] : [name, ""];
  const mark = `~${number}`;
  const tooMany = Buffer.byteLength(what + mark + rest) - nameBytesMax;
  if (tooMany <= 0) return what + mark + rest;
  const shorter = cutEnd(what, tooMany);
  // Fields that alone fill the name: they are cut, too.
  return shorter === ""
    ? cutEnd(name, Buffer.byteLength(mark) + Buffer.byteLength(name) - nameBytesMax) + mark
    : shorter + mark + rest;
}

/** Without its last characters, so many that at least so many bytes are gone. */
function cutEnd(text: string, bytes: number): string {
  const characters = [...text];
  for (let gone = 0; characters.length > 0 && gone < bytes; ) gone += Buffer.byteLength(characters.pop() ?? "");
  return characters.join("");
}
