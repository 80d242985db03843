import type { ResourceHandler } from "../lib/handlers.ts";
import type { Shape } from "../lib/shape.ts";
import type { PropertyMap } from "../lib/values.ts";
import type { Connection } from "./connection.ts";
import { fromId, idInVhost, internalsOf, map, quoted, text, withoutInternals } from "./naming.ts";

const patterns: Shape = {
  configure: { type: "string", required: true },
  write: { type: "string", required: true },
  read: { type: "string", required: true },
};

/** A user's permissions in a vhost, as regular expressions on names. Id: `user@vhost`. */
export function permissions(connection: Connection): ResourceHandler {
  const put = async (inputs: PropertyMap, signal: AbortSignal) => {
    const [name, vhost] = [text(inputs, "user"), text(inputs, "vhost")];
    const { configure = "", write = "", read = "" } = map(inputs.permissions);
    const subject = quoted("permissions of user", name, vhost);
    await connection.api.put(["permissions", vhost, name], { configure, write, read }, { subject, signal });
    return withoutInternals(inputs);
  };
  return {
    token: "rabbitmq:index/permissions:Permissions",
    inputs: {
      user: { type: "string", required: true, replaceOnChange: true },
      vhost: { type: "string", default: "/", replaceOnChange: true },
      permissions: { type: { object: patterns }, required: true },
    },
    computed: {},
    async create(inputs, { signal }) {
      const outputs = await put(inputs, signal);
      return { id: idInVhost(text(inputs, "user"), text(inputs, "vhost")), outputs };
    },
    update: (_id, _state, inputs, { signal }) => put(inputs, signal),
    async read(id, state, inputs, { signal }) {
      const { name, vhost } = fromId(id, state, "user");
      const subject = quoted("permissions of user", name, vhost);
      const found = await connection.api.get(["permissions", vhost, name], { subject, signal });
      if (found === undefined) return undefined;
      const { configure = "", write = "", read = "" } = map(found);
      const outputs = { user: name, vhost, permissions: { configure, write, read } };
      return { id, outputs, inputs: { ...internalsOf(inputs), ...outputs } };
    },
    async delete(id, state, { signal }) {
      const { name, vhost } = fromId(id, state, "user");
      const subject = quoted("permissions of user", name, vhost);
      await connection.api.delete(["permissions", vhost, name], { subject, signal });
    },
  };
}
