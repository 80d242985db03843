import type { ResourceHandler } from "../lib/handlers.ts";
import type { Shape } from "../lib/shape.ts";
import type { PropertyMap } from "../lib/values.ts";
import { readDefinition, sentDefinition } from "./arguments.ts";
import type { Connection } from "./connection.ts";
import { fromId, idInVhost, internalsOf, map, quoted, text, withoutInternals } from "./naming.ts";

const settings: Shape = {
  pattern: { type: "string", required: true },
  priority: { type: "integer", required: true },
  applyTo: { type: "string", required: true },
  definition: { type: { map: "string" }, required: true },
};

/** Settings for all queues or exchanges with matching names. Only the policy with the highest priority applies to each. */
export function policy(connection: Connection): ResourceHandler {
  return policyLike(connection, "rabbitmq:index/policy:Policy", "policies", "policy");
}

/** A policy of the broker's operator, which limits the values of policies. */
export function operatorPolicy(connection: Connection): ResourceHandler {
  const token = "rabbitmq:index/operatorPolicy:OperatorPolicy";
  return policyLike(connection, token, "operator-policies", "operator policy");
}

/** Both kinds differ only in their API path. Id: `name@vhost`. */
function policyLike(connection: Connection, token: string, collection: string, kind: string): ResourceHandler {
  const put = async (inputs: PropertyMap, signal: AbortSignal) => {
    const [name, vhost] = [text(inputs, "name"), text(inputs, "vhost")];
    const { pattern = "", priority = 0, applyTo = "", definition } = map(inputs.policy);
    const body = { pattern, priority, "apply-to": applyTo, definition: sentDefinition(map(definition)) };
    await connection.api.put([collection, vhost, name], body, { subject: quoted(kind, name, vhost), signal });
    return withoutInternals(inputs);
  };
  return {
    token,
    inputs: {
      name: { type: "string", required: true, replaceOnChange: true },
      vhost: { type: "string", required: true, replaceOnChange: true },
      policy: { type: { object: settings }, required: true },
    },
    computed: {},
    async create(inputs, { signal }) {
      const outputs = await put(inputs, signal);
      return { id: idInVhost(text(inputs, "name"), text(inputs, "vhost")), outputs };
    },
    update: (_id, _state, inputs, { signal }) => put(inputs, signal),
    async read(id, state, inputs, { signal }) {
      const { name, vhost } = fromId(id, state);
      const call = { subject: quoted(kind, name, vhost), signal };
      const found = await connection.api.get([collection, vhost, name], call);
      if (found === undefined) return undefined;
      const { pattern = "", priority = 0, "apply-to": applyTo = "", definition: actual } = map(found);
      const definition = readDefinition(map(map(inputs.policy).definition), map(actual));
      const outputs = { name, vhost, policy: { pattern, priority, applyTo, definition } };
      return { id, outputs, inputs: { ...internalsOf(inputs), ...outputs } };
    },
    async delete(id, state, { signal }) {
      const { name, vhost } = fromId(id, state);
      await connection.api.delete([collection, vhost, name], { subject: quoted(kind, name, vhost), signal });
    },
  };
}
