import { isMap, type PropertyMap, same, type Value } from "../lib/values.ts";

/** Two objects can't have the same name, so the old one must be deleted first. */
export function takesTheSameName(olds: PropertyMap, news: PropertyMap): boolean {
  return same(olds.name, news.name) && same(olds.vhost, news.vhost);
}

/** The inputs that the engine and the official provider use internally, for the inputs that a Read returns. */
export function internalsOf(inputs: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => name.startsWith("__")));
}

/** The inputs without these. */
export function withoutInternals(inputs: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith("__")));
}

/** The official ids: `name@vhost`. */
export function idInVhost(name: string, vhost: string): string {
  return `${name}@${vhost}`;
}

/**
 * Name and vhost of an object: from the state, or at an import from the id. The id is split at its last `@`, because user names with an `@` are
 * common, and vhosts with one are not.
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

/** A string that Check has verified. */
export function text(values: PropertyMap, name: string): string {
  const value = values[name];
  if (typeof value !== "string") throw new Error(`${name}: expected a string`);
  return value;
}

/** A map that Check or the API guarantees; empty if absent. */
export function map(value: Value | undefined): PropertyMap {
  return isMap(value) ? value : {};
}
