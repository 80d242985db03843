import { userLimits, vhostLimits } from "../commands/rabbitmq.ts";
import { ledgerHostOf } from "../model/agent-queues.ts";
import { dispatcherUnit, userResource } from "../model/names.ts";
import type {
  AgentQueueModel,
  ClusterModel,
  ExchangeBindingModel,
  ExchangeModel,
  PolicyModel,
  QueueModel,
  UserModel,
} from "../model/types.ts";
import { matchesHash } from "../plugins/rabbitmq/password-hash.ts";
import type { Limits, ObservedObjects, ObservedPolicy } from "./broker-answer.ts";

/** A difference of one thing of a cluster. Texts are for people and contain neither passwords nor hashes. */
export interface ObjectDrift {
  /** E.g. `user feeder`. */
  readonly thing: string;
  readonly difference: string;
}

/** The only virtual host that warren manages. */
const vhost = "/";

/** Differences of a cluster's objects from the model, without those that agents declare (see `agentQueueDrift`). Pure. */
export function objectDrift(cluster: ClusterModel, found: ObservedObjects): ObjectDrift[] {
  return [
    ...cluster.users.flatMap((user) => userDrift(user, found)),
    ...cluster.exchanges.flatMap((exchange) => exchangeDrift(exchange, found)),
    ...cluster.exchangeBindings.flatMap((binding) => exchangeBindingDrift(binding, found)),
    ...cluster.queues.flatMap((queue) => [...queueDrift(queue, found), ...bindingDrift(queue, found)]),
    ...cluster.policies.flatMap((policy) => policyDrift("policy", policy, found.policies)),
    ...cluster.operatorPolicies.flatMap((policy) => policyDrift("operator policy", policy, found.operatorPolicies)),
  ];
}

/**
 * Users with a name of warren's own users that warren has not made, as sentences. `up` would take them from whoever logs in as them.
 *
 * @param made names of the resources that earlier runs made
 */
export function takenUsers(cluster: ClusterModel, found: ObservedObjects, made: ReadonlySet<string>): string[] {
  return cluster.users.flatMap((user) => {
    const isNew = user.isWarrens && !made.has(userResource(cluster.name, user.name));
    const isOther = isNew && userDrift(user, found).some(({ difference }) => difference === otherPassword);
    const remedy = `rename it on the broker first, or set warren:brokers.${cluster.name}.roles to false`;
    return isOther
      ? [
          `${cluster.name}: user ${user.name} was not made by warren; \`up\` gives it the password and permissions of warren's ${user.name}, so whoever uses it can't log in any more; ${remedy}`,
        ]
      : [];
  });
}

/** Differences of a cluster's limits, as sentences. A user that is gone is created without limits. */
export function limitsDrift({ limits }: ClusterModel, found: ObservedObjects): string[] {
  if (!limits) return [];
  const vhosts = inVhost(found.vhostLimits)[0]?.limits ?? {};
  return [
    ...differing("vhost /", vhostLimits(limits), vhosts),
    ...limits.users.flatMap((user) => {
      const actual = found.users.find(({ name }) => name === user.name)?.limits ?? {};
      return differing(`user ${user.name}`, userLimits(user), actual);
    }),
  ];
}

const differing = (thing: string, wanted: Limits, actual: Limits): string[] =>
  sorted(wanted) === sorted(actual) ? [] : [`limits of ${thing} ${sorted(actual)} instead of ${sorted(wanted)}`];

export interface AgentQueueDrift extends ObjectDrift {
  /** The only agent that can declare it; absent: any dispatcher can. */
  readonly declaredBy?: { readonly host: string; readonly unit: string };
}

/** Whether dispatchers declare a queue. */
export const isDispatchers = ({ declaredBy }: AgentQueueModel): boolean =>
  (declaredBy?.unit ?? dispatcherUnit) === dispatcherUnit;

/** Queues and bindings of the agents that are missing or differ. Agents declare them again when they reconnect. */
export function agentQueueDrift(cluster: ClusterModel, found: ObservedObjects): AgentQueueDrift[] {
  // Before the first agent has run, nothing is missing: the first dispatcher, or the only agent that declares the queue.
  const exists = ({ name }: AgentQueueModel) => inVhost(found.queues).some((one) => one.name === name);
  const begun = cluster.agentQueues.filter(isDispatchers).some(exists);
  const expected = cluster.agentQueues.filter((queue) => (isDispatchers(queue) ? begun : exists(queue)));
  return expected.flatMap(({ declaredBy, ...queue }) =>
    [...queueDrift(queue, found), ...bindingDrift(queue, found)].map((drift) =>
      declaredBy === undefined ? drift : { ...drift, declaredBy },
    ),
  );
}

/** Objects of a cluster that are not in the model. They are reported, never removed. */
export function unmanagedObjects(cluster: ClusterModel, found: ObservedObjects): string[] {
  const users = new Set([cluster.administrator.name, ...cluster.users.map((user) => user.name)]);
  const permitted = new Set([
    cluster.administrator.name,
    ...cluster.users.flatMap((user) => (user.permissions ? [user.name] : [])),
  ]);
  const queues = new Set([...cluster.queues, ...cluster.agentQueues].map((queue) => queue.name));
  return [
    ...found.users.flatMap(({ name, tags }) => (users.has(name) ? [] : [`user ${name} [${tags.join(", ")}]`])),
    ...found.permissions.flatMap((one) =>
      users.has(one.user) && !(one.vhost === vhost && permitted.has(one.user))
        ? [`permissions of ${one.user} on ${one.vhost}`]
        : [],
    ),
    ...unmanagedPolicies("policy", cluster.policies, found.policies),
    ...unmanagedPolicies("operator policy", cluster.operatorPolicies, found.operatorPolicies),
    ...inVhost(found.queues).flatMap(({ name }) =>
      name.startsWith("cmc.") && !queues.has(name) ? [`queue ${name}${leftOver(name)}`] : [],
    ),
  ];
}

function unmanagedPolicies(kind: string, wanted: readonly PolicyModel[], found: readonly ObservedPolicy[]): string[] {
  const names = new Set(wanted.map((policy) => policy.name));
  return found
    .filter((policy) => policy.vhost !== vhost || !names.has(policy.name))
    .map((policy) => `${kind} ${policy.name} on ${policy.applyTo} ${policy.pattern}${elsewhere(policy.vhost)}`);
}

/** A ledger that has no reader any more. It keeps a deduplication window's worth of messages for ever. */
function leftOver(queue: string): string {
  const host = ledgerHostOf(queue);
  if (host === undefined) return "";
  return ` (unused: ${host} has no dispatcher in this stack; delete it: rabbitmqctl delete_queue ${queue})`;
}

const elsewhere = (where: string): string => (where === vhost ? "" : ` in ${where}`);
const inVhost = <Thing extends { readonly vhost: string }>(things: readonly Thing[]): Thing[] =>
  things.filter((thing) => thing.vhost === vhost);

const otherPassword = "the password differs";

function userDrift(user: UserModel, found: ObservedObjects): ObjectDrift[] {
  const thing = `user ${user.name}`;
  const actual = found.users.find((one) => one.name === user.name);
  if (!actual) return [{ thing, difference: "is gone" }];
  const drift: ObjectDrift[] = [];
  if (!matchesHash(user.password ?? "", actual.passwordHash, actual.hashingAlgorithm)) {
    const difference = user.password === undefined ? "has a password but should have none" : otherPassword;
    drift.push({ thing, difference });
  }
  if (!sameTags(user.tags, actual.tags)) {
    drift.push({ thing, difference: `tags [${actual.tags.join(", ")}] instead of [${user.tags.join(", ")}]` });
  }
  return [...drift, ...permissionDrift(user, found), ...topicPermissionDrift(user, found)];
}

const sameTags = (wanted: readonly string[], actual: readonly string[]): boolean =>
  wanted.length === actual.length && wanted.every((tag) => actual.includes(tag));

function permissionDrift(user: UserModel, found: ObservedObjects): ObjectDrift[] {
  const { permissions } = user;
  if (!permissions) return [];
  const thing = `permissions of ${user.name}`;
  const actual = inVhost(found.permissions).find((one) => one.user === user.name);
  if (!actual) return [{ thing, difference: "are gone" }];
  return (["configure", "write", "read"] as const).flatMap((kind) =>
    actual[kind] === permissions[kind]
      ? []
      : [{ thing, difference: `${kind} ${quoted(actual[kind])} instead of ${quoted(permissions[kind])}` }],
  );
}

/** Topic permissions that the model doesn't have are not reported, because they only restrict. */
function topicPermissionDrift({ name, topicPermissions = [] }: UserModel, found: ObservedObjects): ObjectDrift[] {
  const there = inVhost(found.topicPermissions).filter(({ user }) => user === name);
  return topicPermissions.flatMap(({ exchange, ...wanted }) => {
    const thing = `topic permissions of ${name} on ${exchange}`;
    const actual = there.find((one) => one.exchange === exchange);
    if (!actual) return [{ thing, difference: "are gone" }];
    return (["write", "read"] as const).flatMap((kind) =>
      actual[kind] === wanted[kind]
        ? []
        : [{ thing, difference: `${kind} ${quoted(actual[kind])} instead of ${quoted(wanted[kind])}` }],
    );
  });
}

function exchangeDrift(exchange: ExchangeModel, found: ObservedObjects): ObjectDrift[] {
  const thing = `exchange ${exchange.name}`;
  const actual = inVhost(found.exchanges).find((one) => one.name === exchange.name);
  if (!actual) return [{ thing, difference: "is gone" }];
  if (actual.type !== exchange.type) return [{ thing, difference: `type ${actual.type} instead of ${exchange.type}` }];
  return actual.durable ? [] : [{ thing, difference: "is not durable" }];
}

function exchangeBindingDrift(
  { source, destination, key }: ExchangeBindingModel,
  found: ObservedObjects,
): ObjectDrift[] {
  const isThere = inVhost(found.exchangeBindings).some(
    (one) => one.source === source && one.destination === destination && one.key === key,
  );
  if (isThere) return [];
  return [{ thing: `binding of exchange ${destination} to ${source}`, difference: `key ${key} is gone` }];
}

function policyDrift(kind: string, policy: PolicyModel, found: readonly ObservedPolicy[]): ObjectDrift[] {
  const thing = `${kind} ${policy.name}`;
  const actual = inVhost(found).find((one) => one.name === policy.name);
  if (!actual) return [{ thing, difference: "is gone" }];
  const compared = [
    ["pattern", actual.pattern, policy.pattern],
    ["applies to", actual.applyTo, policy.applyTo],
    ["priority", actual.priority, policy.priority],
    ["definition", sorted(actual.definition), sorted(policy.definition)],
  ] as const;
  return compared.flatMap(([name, is, wanted]) =>
    is === wanted ? [] : [{ thing, difference: `${name} ${is} instead of ${wanted}` }],
  );
}

/** A queue with other arguments is never recreated automatically, because its messages would be lost. */
function queueDrift(queue: QueueModel, found: ObservedObjects): ObjectDrift[] {
  const thing = `queue ${queue.name}`;
  const actual = inVhost(found.queues).find((one) => one.name === queue.name);
  if (!actual) return [{ thing, difference: "is gone" }];
  return Object.entries(queue.arguments).flatMap(([key, wanted]) =>
    actual.arguments[key] === wanted
      ? []
      : [
          {
            thing,
            difference: `${key} ${JSON.stringify(actual.arguments[key] ?? null)} instead of ${JSON.stringify(wanted)}`,
          },
        ],
  );
}

function bindingDrift(queue: QueueModel, found: ObservedObjects): ObjectDrift[] {
  const there = inVhost(found.bindings).filter((one) => one.queue === queue.name);
  return queue.bindings.flatMap(({ exchange, key }) =>
    there.some((one) => one.exchange === exchange && one.key === key)
      ? []
      : [{ thing: `binding of ${queue.name} to ${exchange}`, difference: `key ${key} is gone` }],
  );
}

/** JSON with sorted keys, so that equal definitions compare equal. */
const sorted = (definition: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(definition).sort(([a], [b]) => (a < b ? -1 : 1))));

const quoted = (regex: string): string => JSON.stringify(regex);
