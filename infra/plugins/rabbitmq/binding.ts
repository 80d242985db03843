import type { ResourceHandler } from "../lib/handlers.ts";
import type { PropertyMap } from "../lib/values.ts";
import { completeArguments, eitherArguments, isJsonObject, readArguments, sentArguments } from "./arguments.ts";
import type { Connection } from "./connection.ts";
import { internalsOf, map, text, withoutInternals } from "./naming.ts";

/** Both ends of a binding. The broker encodes its routing key and arguments as `propertiesKey`. */
interface Place {
  readonly vhost: string;
  readonly source: string;
  readonly destination: string;
  readonly destinationType: string;
}

/** A route from an exchange to a queue or exchange. Id: `vhost/source/destination/destinationType/propertiesKey`. */
export function binding(connection: Connection): ResourceHandler {
  return {
    token: "rabbitmq:index/binding:Binding",
    inputs: {
      source: { type: "string", required: true, replaceOnChange: true },
      vhost: { type: "string", required: true, replaceOnChange: true },
      destination: { type: "string", required: true, replaceOnChange: true },
      destinationType: { type: { oneOf: ["queue", "exchange"] }, required: true, replaceOnChange: true },
      routingKey: { type: "string", replaceOnChange: true },
      arguments: { type: { map: "string" }, replaceOnChange: true },
      argumentsJson: { type: "string", replaceOnChange: true, rule: isJsonObject },
    },
    computed: { propertiesKey: { type: "string" } },
    check: (inputs) => eitherArguments(inputs, ""),
    complete: completeArguments,
    async create(inputs, { signal }) {
      const place = placeOf(inputs);
      const body = { routing_key: inputs.routingKey ?? "", arguments: sentArguments(inputs) };
      const call = { subject: described(place), signal };
      const propertiesKey = await connection.api.post(path(place), body, call);
      return { id: bindingId(place, propertiesKey), outputs: { ...withoutInternals(inputs), propertiesKey } };
    },
    async read(id, _state, inputs, { signal }) {
      const { place, propertiesKey } = parseBindingId(id);
      const call = { subject: described(place), signal };
      const found = await connection.api.get([...path(place), propertiesKey], call);
      if (found === undefined) return undefined;
      const actual = map(found);
      const routingKey = String(actual.routing_key ?? "");
      const read = {
        ...place,
        ...(routingKey === "" && inputs.routingKey === undefined ? {} : { routingKey }),
        ...readArguments(inputs, map(actual.arguments)),
      };
      return { id, outputs: { ...read, propertiesKey }, inputs: { ...internalsOf(inputs), ...read } };
    },
    async delete(id, _state, { signal }) {
      const { place, propertiesKey } = parseBindingId(id);
      await connection.api.delete([...path(place), propertiesKey], { subject: described(place), signal });
    },
  };
}

function placeOf(inputs: PropertyMap): Place {
  return {
    vhost: text(inputs, "vhost"),
    source: text(inputs, "source"),
    destination: text(inputs, "destination"),
    destinationType: text(inputs, "destinationType"),
  };
}

function path({ vhost, source, destination, destinationType }: Place): readonly string[] {
  return ["bindings", vhost, "e", source, destinationType === "queue" ? "q" : "e", destination];
}

function described({ vhost, source, destination, destinationType }: Place): string {
  const ends = `${JSON.stringify(source)} to ${destinationType} ${JSON.stringify(destination)}`;
  return `binding of exchange ${ends} in vhost ${JSON.stringify(vhost)}`;
}

/** The properties key is already escaped by the broker. */
export function bindingId({ vhost, source, destination, destinationType }: Place, propertiesKey: string): string {
  return [...[vhost, source, destination].map(escapeSlashes), destinationType, propertiesKey].join("/");
}

export function parseBindingId(id: string): { place: Place; propertiesKey: string } {
  const [vhost, source, destination, destinationType, propertiesKey, ...rest] = id.split("/");
  if (!vhost || !source || !destination || !destinationType || !propertiesKey || rest.length > 0) {
    const form = "vhost/source/destination/destinationType/propertiesKey, with %2F for a slash in a name";
    throw new Error(`id ${JSON.stringify(id)}: expected ${form}`);
  }
  const [in_, from, to] = [vhost, source, destination].map(restoreSlashes);
  return { place: { vhost: in_ ?? "", source: from ?? "", destination: to ?? "", destinationType }, propertiesKey };
}

function escapeSlashes(name: string): string {
  return name.replaceAll("%", "%25").replaceAll("/", "%2F");
}

function restoreSlashes(name: string): string {
  return name.replaceAll("%2F", "/").replaceAll("%25", "%");
}
