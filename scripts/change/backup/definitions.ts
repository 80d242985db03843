import * as z from "zod";
import { ledgerHostOf } from "../../../infra/model/agent-queues.ts";
import type { ClusterModel } from "../../../infra/model/types.ts";

const named = z.looseObject({ name: z.string() });
const placed = z.looseObject({ name: z.string(), vhost: z.string() });
const permission = z.looseObject({ user: z.string(), vhost: z.string() });

/** The answer of `/api/definitions`; keys that are not listed here are kept unchanged. */
export const definitionsSchema = z.looseObject({
  rabbitmq_version: z.string().default("unknown"),
  users: z.array(named).default([]),
  vhosts: z.array(named).default([]),
  permissions: z.array(permission).default([]),
  topic_permissions: z.array(permission.extend({ exchange: z.string() })).default([]),
  parameters: z.array(placed.extend({ component: z.string() })).default([]),
  global_parameters: z.array(named).default([]),
  policies: z.array(placed).default([]),
  queues: z.array(placed).default([]),
  exchanges: z.array(placed).default([]),
  bindings: z
    .array(
      z.looseObject({
        source: z.string(),
        vhost: z.string(),
        destination: z.string(),
        destination_type: z.string(),
        routing_key: z.string().default(""),
        arguments: z.record(z.string(), z.unknown()).default({}),
      }),
    )
    .default([]),
});
export type Definitions = z.infer<typeof definitionsSchema>;

type Model = Pick<
  ClusterModel,
  "administrator" | "users" | "exchanges" | "queues" | "agentQueues" | "policies" | "operatorPolicies" | "limits"
>;

/** Parameters that differ between brokers, so they are never imported. */
const ownParameters = new Set(["cluster_name", "internal_cluster_id"]);
/** The vhost that a stack's config describes. */
const declaredVhost = "/";

/**
 * The definitions of a backup that neither the stack's config nor an agent declares: clients' queues with their bindings, users, policies, parameters, other
 * vhosts. `up` creates the rest from the current config. Pure.
 */
export function undeclared(all: Definitions, model: Model): Definitions {
  const users = namesOf([model.administrator, ...model.users]);
  const isOurs = (names: ReadonlySet<string>) => (one: { name: string; vhost: string }) =>
    one.vhost === declaredVhost && names.has(one.name);
  const [policies, exchanges] = [namesOf(model.policies), namesOf(model.exchanges)];
  const operatorPolicies = isOurs(namesOf(model.operatorPolicies));
  const queues = [...model.queues, ...model.agentQueues];
  const queueNames = namesOf(queues);
  const bindings = new Set(
    queues.flatMap(({ name, bindings: own }) => own.map(({ exchange, key }) => `${exchange}\0${name}\0${key}`)),
  );
  const topics = new Set(
    model.users.flatMap(({ name, topicPermissions = [] }) => topicPermissions.map((one) => `${name}\0${one.exchange}`)),
  );
  // The ledger of a host without a dispatcher would fill up, because nothing reads it.
  const isLeftLedger = (name: string) => ledgerHostOf(name) !== undefined && !queueNames.has(name);
  return {
    ...all,
    users: all.users.filter(({ name }) => !users.has(name)),
    vhosts: all.vhosts.filter(({ name }) => name !== declaredVhost),
    permissions: all.permissions.filter(({ user, vhost }) => vhost !== declaredVhost || !users.has(user)),
    topic_permissions: all.topic_permissions.filter(
      ({ user, vhost, exchange }) => vhost !== declaredVhost || !topics.has(`${user}\0${exchange}`),
    ),
    parameters: all.parameters.filter((one) => {
      if (one.component === "vhost-limits") return !model.limits || one.vhost !== declaredVhost;
      return one.component !== "operator_policy" || !operatorPolicies(one);
    }),
    global_parameters: all.global_parameters.filter(({ name }) => !ownParameters.has(name)),
    policies: all.policies.filter((one) => !isOurs(policies)(one)),
    queues: all.queues.filter((one) => !isOurs(queueNames)(one) && !isLeftLedger(one.name)),
    exchanges: all.exchanges.filter((one) => !isOurs(exchanges)(one)),
    bindings: all.bindings.filter(
      ({ vhost, source, destination, destination_type: type, routing_key: key }) =>
        !(vhost === declaredVhost && type === "queue" && bindings.has(`${source}\0${destination}\0${key}`)) &&
        !(type === "queue" && isLeftLedger(destination)),
    ),
  };
}

const namesOf = (all: readonly { readonly name: string }[]): ReadonlySet<string> =>
  new Set(all.map(({ name }) => name));

/** Names of objects for people: `queue q_client`, `user partner`. */
export function objectNames(definitions: Definitions): string[] {
  const at = (vhost: string) => (vhost === declaredVhost ? "" : ` in ${vhost}`);
  const placedNames = (kind: string, all: readonly { name: string; vhost: string }[]) =>
    all.map(({ name, vhost }) => `${kind} ${name}${at(vhost)}`);
  return [
    ...definitions.vhosts.map(({ name }) => `vhost ${name}`),
    ...definitions.users.map(({ name }) => `user ${name}`),
    ...definitions.permissions.map(({ user, vhost }) => `permissions of ${user}${at(vhost)}`),
    ...definitions.topic_permissions.map(
      (one) => `topic permissions of ${one.user} on ${one.exchange}${at(one.vhost)}`,
    ),
    ...definitions.parameters.map(({ component, name, vhost }) => `${component} ${name}${at(vhost)}`),
    ...definitions.global_parameters.map(({ name }) => `global parameter ${name}`),
    ...placedNames("policy", definitions.policies),
    ...placedNames("exchange", definitions.exchanges),
    ...placedNames("queue", definitions.queues),
    ...definitions.bindings.map((one) => {
      const more = Object.keys(one.arguments).length > 0 ? ` ${JSON.stringify(one.arguments)}` : "";
      return `binding ${one.source} ${one.routing_key}${more} to ${one.destination_type} ${one.destination}${at(one.vhost)}`;
    }),
  ];
}

/** Names of wanted objects that are missing in the other definitions. */
export function absent(wanted: Definitions, there: Definitions): string[] {
  const has = new Set(objectNames(there));
  return objectNames(wanted).filter((name) => !has.has(name));
}
