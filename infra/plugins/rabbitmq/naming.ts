import { createHash, randomBytes } from "node:crypto";
import type { Completion } from "../lib/handlers.ts";
import { isMap, type PropertyMap, same, type Value } from "../lib/values.ts";

const nameLengthMax = 255;
const suffixLength = 7;

/**
 * A name for what the program left unnamed: its name in the program and seven random hex digits, the same in every run
 * of one resource. Such names are listed in `__defaults`, as the official provider lists them.
 */
export function completeName(inputs: PropertyMap, completion: Completion): PropertyMap {
  if (inputs.name !== undefined) return inputs;
  const old = completion.olds.name;
  const name = old !== undefined && hasDefaultName(completion.olds) ? old : newName(completion);
  return { ...inputs, name, __defaults: ["name"] };
}

function newName({ name, randomSeed, autonaming }: Completion): string {
  if (autonaming?.mode === "disable") throw new Error("name: is required, since the stack's autonaming is disabled");
  if (autonaming !== undefined) return autonaming.name;
  const seed = randomSeed.length > 0 ? randomSeed : randomBytes(32);
  const suffix = createHash("sha256").update(seed).digest("hex").slice(0, suffixLength);
  return `${name.slice(0, nameLengthMax - suffixLength - 1)}-${suffix}`;
}

function hasDefaultName(inputs: PropertyMap): boolean {
  const defaults = inputs.__defaults;
  return Array.isArray(defaults) && defaults.includes("name");
}

/** Two objects can't have one name: the old one goes first, unless the new one will be named anew. */
export function takesTheSameName(olds: PropertyMap, news: PropertyMap): boolean {
  return !hasDefaultName(news) && same(olds.name, news.name) && same(olds.vhost, news.vhost);
}

/** What the engine and the official provider keep among the inputs, for the inputs that a Read gives back. */
export function internalsOf(inputs: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => name.startsWith("__")));
}

/** `inputs` without those. */
export function withoutInternals(inputs: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith("__")));
}

/** The official ids: `name@vhost`. */
export function idInVhost(name: string, vhost: string): string {
  return `${name}@${vhost}`;
}

/**
 * Name and vhost of an object: as the state has them, and at an import from the id. There the last `@` divides, since
 * user names with an `@` are common and vhosts with one are not.
 */
export function fromId(id: string, state: PropertyMap, nameField = "name"): { name: string; vhost: string } {
  const { [nameField]: name, vhost } = state;
  if (typeof name === "string" && typeof vhost === "string") return { name, vhost };
  const at = id.lastIndexOf("@");
  if (at < 1 || at === id.length - 1) throw new Error(`id ${JSON.stringify(id)}: expected ${nameField}@vhost`);
  return { name: id.slice(0, at), vhost: id.slice(at + 1) };
}

export function quoted(kind: string, name: string, vhost?: string): string {
  return `${kind} ${JSON.stringify(name)}${vhost === undefined ? "" : ` in vhost ${JSON.stringify(vhost)}`}`;
}

/** A string that Check has made sure of. */
export function text(values: PropertyMap, name: string): string {
  const value = values[name];
  if (typeof value !== "string") throw new Error(`${name}: expected a string`);
  return value;
}

/** A map that Check, or the API's form, has made sure of; empty when absent. */
export function map(value: Value | undefined): PropertyMap {
  return isMap(value) ? value : {};
}
