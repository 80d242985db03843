import type { ResourceHandler } from "../lib/handlers.ts";
import type { Shape } from "../lib/shape.ts";
import { type PropertyMap, reveal } from "../lib/values.ts";
import {
  completeArguments,
  eitherArguments,
  isJsonObject,
  readArguments,
  sentArguments,
  whenKnown,
} from "./arguments.ts";
import type { Connection } from "./connection.ts";
import { fromId, idInVhost, internalsOf, map, quoted, takesTheSameName, text, withoutInternals } from "./naming.ts";

const settings: Shape = {
  durable: { type: "boolean", default: false },
  autoDelete: { type: "boolean", default: false },
  arguments: { type: { map: "string" } },
  argumentsJson: { type: "string", rule: isJsonObject },
};

/** A queue. Every change replaces it, and the messages of the old one are lost (use `protect`). Id: `name@vhost`. */
export function queue(connection: Connection): ResourceHandler {
  return {
    token: "rabbitmq:index/queue:Queue",
    inputs: {
      name: { type: "string", required: true, replaceOnChange: true },
      vhost: { type: "string", default: "/", replaceOnChange: true },
      settings: { type: { object: settings }, required: true, replaceOnChange: true },
    },
    computed: {},
    check: (inputs) => eitherArguments(map(reveal(inputs.settings ?? null)), "settings."),
    complete: (inputs) => ({
      ...inputs,
      settings: whenKnown(inputs.settings, (value) => completeArguments(map(value))) ?? null,
    }),
    deleteBeforeReplace: takesTheSameName,
    async create(inputs, { signal }) {
      const [name, vhost] = [text(inputs, "name"), text(inputs, "vhost")];
      const { durable = false, autoDelete = false, ...given } = map(inputs.settings);
      const body = { durable, auto_delete: autoDelete, arguments: sentArguments(given) };
      await connection.api.put(["queues", vhost, name], body, { subject: quoted("queue", name, vhost), signal });
      return { id: idInVhost(name, vhost), outputs: withoutInternals(inputs) };
    },
    async read(id, state, inputs, { signal }) {
      const { name, vhost } = fromId(id, state);
      const call = { subject: quoted("queue", name, vhost), signal };
      const found = await connection.api.get(["queues", vhost, name], call);
      if (found === undefined) return undefined;
      const outputs = { name, vhost, settings: readSettings(map(inputs.settings), map(found)) };
      return { id, outputs, inputs: { ...internalsOf(inputs), ...outputs } };
    },
    async delete(id, state, { signal }) {
      const { name, vhost } = fromId(id, state);
      await connection.api.delete(["queues", vhost, name], { subject: quoted("queue", name, vhost), signal });
    },
  };
}

function readSettings(given: PropertyMap, actual: PropertyMap): PropertyMap {
  const { durable = false, auto_delete: autoDelete = false } = actual;
  const { "x-queue-type": type, ...others } = map(actual.arguments);
  // Newer brokers add the vhost's default type to a queue without one. Treated as drift, this would replace the queue.
  const asked = "x-queue-type" in sentArguments(given) || Object.keys(given).length === 0;
  const there = type === undefined || !asked ? others : { ...others, "x-queue-type": type };
  const read = readArguments(given, there);
  return { durable, autoDelete, ...read };
}
