import type { ResourceHandler } from "../lib/handlers.ts";
import type { Failure, Shape } from "../lib/shape.ts";
import { containsUnknown, isList, type PropertyMap, reveal, type Value } from "../lib/values.ts";
import { whenKnown } from "./arguments.ts";
import type { Connection } from "./connection.ts";
import { fromId, idInVhost, internalsOf, map, quoted, text, withoutInternals } from "./naming.ts";

const entry: Shape = {
  exchange: { type: "string", required: true },
  write: { type: "string", required: true },
  read: { type: "string", required: true },
};

/** Routing keys that a user may write and read, per topic exchange. Other exchanges are not restricted. Id: `user@vhost`. */
export function topicPermissions(connection: Connection): ResourceHandler {
  const where = (name: string, vhost: string, signal: AbortSignal) => ({
    path: ["topic-permissions", vhost, name],
    call: { subject: quoted("topic permissions of user", name, vhost), signal },
  });
  const put = async (inputs: PropertyMap, signal: AbortSignal) => {
    const { path, call } = where(text(inputs, "user"), text(inputs, "vhost"), signal);
    for (const each of entries(inputs.permissions)) await connection.api.put(path, each, call);
    return withoutInternals(inputs);
  };
  return {
    token: "rabbitmq:index/topicPermissions:TopicPermissions",
    inputs: {
      user: { type: "string", required: true, replaceOnChange: true },
      vhost: { type: "string", default: "/", replaceOnChange: true },
      permissions: { type: { list: { object: entry } }, required: true },
    },
    computed: {},
    check: (inputs) => duplicates(inputs),
    complete: (inputs) => ({ ...inputs, permissions: whenKnown(inputs.permissions, inOrder) ?? null }),
    async create(inputs, { signal }) {
      const outputs = await put(inputs, signal);
      return { id: idInVhost(text(inputs, "user"), text(inputs, "vhost")), outputs };
    },
    async update(_id, state, inputs, { signal }) {
      const kept = new Set(entries(inputs.permissions).map(({ exchange }) => exchange));
      const { path, call } = where(text(inputs, "user"), text(inputs, "vhost"), signal);
      // The API can only clear all of them. Until they are set again the user is not restricted, so this is done only if needed.
      const gone = entries(state.permissions).some(({ exchange }) => !kept.has(exchange));
      if (gone) await connection.api.delete(path, call);
      return put(inputs, signal);
    },
    async read(id, state, inputs, { signal }) {
      const { name, vhost } = fromId(id, state, "user");
      const { path, call } = where(name, vhost, signal);
      const found = (await connection.api.get(path, call)) ?? [];
      if (!isList(found) || found.length === 0) return undefined;
      const actual = found.map((each) => {
        const { exchange = "", write = "", read = "" } = map(each);
        return { exchange, write, read };
      });
      const outputs = { user: name, vhost, permissions: inOrder(actual) };
      return { id, outputs, inputs: { ...internalsOf(inputs), ...outputs } };
    },
    async delete(id, state, { signal }) {
      const { name, vhost } = fromId(id, state, "user");
      const { path, call } = where(name, vhost, signal);
      await connection.api.delete(path, call);
    },
  };
}

function entries(value: Value | undefined): readonly PropertyMap[] {
  return isList(value) ? value.map(map) : [];
}

/** Sorted by exchange, so that a different order in the program or the broker is no change. */
function inOrder(value: Value): Value {
  if (!isList(value) || containsUnknown(value)) return value;
  const exchange = (each: Value) => String(map(reveal(each)).exchange);
  return [...value].sort((left, right) => (exchange(left) < exchange(right) ? -1 : 1));
}

function duplicates(inputs: PropertyMap): readonly Failure[] {
  const list = containsUnknown(inputs.permissions) ? [] : entries(reveal(inputs.permissions ?? null));
  const names = list.map(({ exchange }) => exchange);
  return names.flatMap((name, index) =>
    names.indexOf(name) < index
      ? [{ path: `permissions[${index}].exchange`, reason: "duplicates an earlier exchange of the list" }]
      : [],
  );
}
