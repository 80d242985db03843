import type { ResourceHandler } from "../lib/handlers.ts";
import type { Connection } from "./connection.ts";
import { completeName, internalsOf, quoted, text, withoutInternals } from "./naming.ts";

/** A virtual host. Deleting it deletes everything in it. Id: its name. */
export function vhost(connection: Connection): ResourceHandler {
  return {
    token: "rabbitmq:index/vHost:VHost",
    inputs: { name: { type: "string", replaceOnChange: true } },
    computed: {},
    complete: completeName,
    async create(inputs, { signal }) {
      const name = text(inputs, "name");
      await connection.api.put(["vhosts", name], {}, { subject: quoted("vhost", name), signal });
      return { id: name, outputs: withoutInternals(inputs) };
    },
    async read(id, _state, inputs, { signal }) {
      const found = await connection.api.get(["vhosts", id], { subject: quoted("vhost", id), signal });
      if (found === undefined) return undefined;
      return { id, outputs: { name: id }, inputs: { ...internalsOf(inputs), name: id } };
    },
    async delete(id, _state, { signal }) {
      await connection.api.delete(["vhosts", id], { subject: quoted("vhost", id), signal });
    },
  };
}
