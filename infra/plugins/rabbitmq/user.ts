import type { ResourceHandler } from "../lib/handlers.ts";
import { isList, type PropertyMap, type Value } from "../lib/values.ts";
import type { Connection } from "./connection.ts";
import { internalsOf, map, quoted, text, withoutInternals } from "./naming.ts";
import { isKnownAlgorithm, matchesHash } from "./password-hash.ts";

/** A user of the broker's own database. An empty password means none: the broker stores no hash, and another backend such as LDAP checks it. Id: its name. */
export function user(connection: Connection): ResourceHandler {
  const put = async (name: string, inputs: PropertyMap, signal: AbortSignal) => {
    const tags = isList(inputs.tags) ? inputs.tags.join(",") : "";
    const password = text(inputs, "password");
    const body = { ...(password === "" ? { password_hash: "" } : { password }), tags };
    await connection.api.put(["users", name], body, { subject: quoted("user", name), signal });
    return withoutInternals(inputs);
  };
  return {
    token: "rabbitmq:index/user:User",
    inputs: {
      name: { type: "string", required: true, replaceOnChange: true },
      password: { type: "string", required: true, secret: true },
      tags: { type: { list: "string" } },
    },
    computed: {},
    async create(inputs, { signal }) {
      const name = text(inputs, "name");
      const found = await connection.api.get(["users", name], { subject: quoted("user", name), signal });
      // The broker salts a password at each write, so a matching user is left alone to keep its hash.
      if (matchesInputs(inputs, map(found))) return { id: name, outputs: withoutInternals(inputs) };
      return { id: name, outputs: await put(name, inputs, signal) };
    },
    update: (_id, _state, inputs, { signal }) => put(text(inputs, "name"), inputs, signal),
    async read(id, state, inputs, { signal }) {
      const found = await connection.api.get(["users", id], { subject: quoted("user", id), signal });
      if (found === undefined) return undefined;
      const actual = map(found);
      const read = { name: id, ...readPassword(state, actual), ...readTags(inputs.tags ?? state.tags, actual) };
      return { id, outputs: read, inputs: { ...internalsOf(inputs), ...read } };
    },
    async delete(id, _state, { signal }) {
      await connection.api.delete(["users", id], { subject: quoted("user", id), signal });
    },
  };
}

function matchesInputs(inputs: PropertyMap, actual: PropertyMap): boolean {
  const algorithm = String(actual.hashing_algorithm ?? "");
  if (!isKnownAlgorithm(algorithm)) return false;
  if (!matchesHash(text(inputs, "password"), String(actual.password_hash ?? ""), algorithm)) return false;
  const wanted = isList(inputs.tags) ? inputs.tags : [];
  const { tags = [] } = readTags(wanted, actual);
  return isList(tags) && tags.length === wanted.length && tags.every((tag) => wanted.includes(tag));
}

/** The broker returns no password, but a salted hash, which shows whether the password has changed. */
function readPassword(state: PropertyMap, actual: PropertyMap): PropertyMap {
  const { password } = state;
  if (typeof password !== "string") return {};
  const verdict = matchesHash(password, String(actual.password_hash ?? ""), String(actual.hashing_algorithm ?? ""));
  return verdict ? { password } : {};
}

/** Tags are a set; brokers before 3.9 give them as one string with commas. The program's order is kept if possible. */
function readTags(given: Value | undefined, actual: PropertyMap): PropertyMap {
  const there = isList(actual.tags) ? actual.tags.map(String) : String(actual.tags ?? "").split(",");
  const tags = there.filter((tag) => tag !== "");
  const before = isList(given) ? given.map(String) : undefined;
  if (before && before.length === tags.length && before.every((tag) => tags.includes(tag))) return { tags: before };
  return tags.length === 0 && before === undefined ? {} : { tags };
}
