import type { ResourceHandler } from "../lib/handlers.ts";
import type { Shape } from "../lib/shape.ts";
import type { PropertyMap } from "../lib/values.ts";
import type { Connection } from "./connection.ts";
import { fromId, idInVhost, internalsOf, map, quoted, takesTheSameName, text, withoutInternals } from "./naming.ts";

const settings: Shape = {
  type: { type: "string", required: true },
  durable: { type: "boolean", default: false },
  autoDelete: { type: "boolean", default: false },
  arguments: { type: { map: "string" } },
};

/** An exchange. The broker allows no change of its settings, so every change replaces it. Id: `name@vhost`. */
export function exchange(connection: Connection): ResourceHandler {
  return {
    token: "rabbitmq:index/exchange:Exchange",
    inputs: {
      name: { type: "string", required: true, replaceOnChange: true },
      vhost: { type: "string", default: "/", replaceOnChange: true },
      settings: { type: { object: settings }, required: true, replaceOnChange: true },
    },
    computed: {},
    deleteBeforeReplace: takesTheSameName,
    async create(inputs, { signal }) {
      const [name, vhost] = [text(inputs, "name"), text(inputs, "vhost")];
      const { type = "", durable = false, autoDelete = false, arguments: given } = map(inputs.settings);
      const body = { type, durable, auto_delete: autoDelete, arguments: map(given) };
      await connection.api.put(["exchanges", vhost, name], body, { subject: quoted("exchange", name, vhost), signal });
      return { id: idInVhost(name, vhost), outputs: withoutInternals(inputs) };
    },
    async read(id, state, inputs, { signal }) {
      const { name, vhost } = fromId(id, state);
      const call = { subject: quoted("exchange", name, vhost), signal };
      const found = await connection.api.get(["exchanges", vhost, name], call);
      if (found === undefined) return undefined;
      const outputs = { name, vhost, settings: readSettings(map(inputs.settings), map(found)) };
      return { id, outputs, inputs: { ...internalsOf(inputs), ...outputs } };
    },
    async delete(id, state, { signal }) {
      const { name, vhost } = fromId(id, state);
      await connection.api.delete(["exchanges", vhost, name], { subject: quoted("exchange", name, vhost), signal });
    },
  };
}

function readSettings(given: PropertyMap, actual: PropertyMap): PropertyMap {
  const { type = "", durable = false, auto_delete: autoDelete = false } = actual;
  const texts = Object.entries(map(actual.arguments)).map(([key, value]) => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const none = texts.length === 0 && given.arguments === undefined;
  return { type, durable, autoDelete, ...(none ? {} : { arguments: Object.fromEntries(texts) }) };
}
