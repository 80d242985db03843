import * as z from "zod";
import { exchangeTypes, policySchema, queueSchema, type userSchema } from "../config/brokers.ts";
import { checkPassword, type GivenPasswords } from "./passwords.ts";
import { staysUnmanaged, type Unexpressed } from "./unexpressed.ts";

/** The parts of `rabbitmqctl export_definitions` that are used here; others are ignored. */
const named = z.looseObject({ name: z.string(), vhost: z.string() });
const values = z.record(z.string(), z.unknown());
export const definitionsSchema = z.looseObject({
  rabbitmq_version: z.string().optional(),
  users: z
    .array(
      z.looseObject({
        name: z.string(),
        password_hash: z.string().default(""),
        hashing_algorithm: z.string().default(""),
        // Brokers before 3.9 give one string with commas.
        tags: z.union([z.array(z.string()), z.string().transform((text) => text.split(",").filter(Boolean))]),
        limits: values.optional(),
      }),
    )
    .default([]),
  vhosts: z.array(z.looseObject({ name: z.string(), limits: z.array(z.unknown()).optional() })).default([]),
  permissions: z
    .array(
      z.looseObject({
        user: z.string(),
        vhost: z.string(),
        configure: z.string(),
        write: z.string(),
        read: z.string(),
      }),
    )
    .default([]),
  topic_permissions: z.array(z.looseObject({ user: z.string(), vhost: z.string() })).default([]),
  parameters: z.array(named.extend({ component: z.string() })).default([]),
  global_parameters: z.array(z.looseObject({ name: z.string() })).default([]),
  policies: z
    .array(
      named.extend({
        pattern: z.string(),
        "apply-to": z.string().default("all"),
        definition: values,
        priority: z.number().default(0),
      }),
    )
    .default([]),
  queues: z.array(named.extend({ durable: z.boolean(), auto_delete: z.boolean(), arguments: values })).default([]),
  exchanges: z
    .array(
      named.extend({
        type: z.string(),
        durable: z.boolean(),
        auto_delete: z.boolean(),
        internal: z.boolean().default(false),
        arguments: values,
      }),
    )
    .default([]),
  bindings: z
    .array(
      z.looseObject({
        source: z.string(),
        vhost: z.string(),
        destination: z.string(),
        destination_type: z.string(),
        routing_key: z.string(),
        arguments: values,
      }),
    )
    .default([]),
});
export type Definitions = z.infer<typeof definitionsSchema>;

/** Objects of a broker in the form of a stack file. */
export interface FoundObjects {
  readonly users: Record<string, z.input<typeof userSchema>>;
  /** Verified passwords of the users whose passwords the broker stores. */
  readonly passwords: Record<string, string>;
  readonly exchanges: { name: string; type: (typeof exchangeTypes)[number] }[];
  readonly queues: z.input<typeof queueSchema>[];
  readonly policies: z.input<typeof policySchema>[];
  readonly unexpressed: Unexpressed[];
}

interface ObjectsOptions {
  /** Place of what can't be expressed: `cluster bunny`. */
  readonly place: string;
  readonly passwords: GivenPasswords;
  /** Whether the broker's configuration has LDAP servers that the stack file can name. */
  readonly ldap: boolean;
  /** Queues with matching names are managed. */
  readonly queues: RegExp;
}

const vhost = "/";

/** The definitions that a stack file can express, and a list of the others. */
export function readObjects(definitions: Definitions, options: ObjectsOptions): FoundObjects {
  const unexpressed: Unexpressed[] = [];
  const list = (what: string, consequence = staysUnmanaged) =>
    unexpressed.push({ place: options.place, what, consequence });
  listOthers(definitions, list);
  const { users, passwords } = readUsers(definitions, options, list);
  const manageable = (kind: string) => (one: { readonly name: string; readonly vhost: string }) => {
    const fault = inVhost(one) ? nameFault(one.name) : undefined;
    if (fault) list(`${kind} ${one.name}: ${fault}`);
    return inVhost(one) && !fault;
  };
  const exchanges = definitions.exchanges.filter(manageable("exchange")).flatMap((exchange) => {
    const { name, durable, auto_delete: autoDelete, internal } = exchange;
    const type = exchangeTypes.find((one) => one === exchange.type);
    if (type && durable && !autoDelete && !internal && isEmpty(exchange.arguments)) return [{ name, type }];
    list(
      `exchange ${name}: a stack file supports only durable exchanges without arguments, of type ${exchangeTypes.join(", ")}`,
    );
    return [];
  });
  const queues = readQueues({ ...definitions, queues: definitions.queues.filter(manageable("queue")) }, options, list);
  const policies = definitions.policies.filter(manageable("policy")).flatMap((policy) => {
    const { name, pattern, priority, definition } = policy;
    const input = { name, pattern, applyTo: policy["apply-to"], priority, definition };
    const parsed = policySchema.safeParse(input);
    const sent = Object.values(definition).every((value) => isSent(value));
    if (parsed.success && sent) return [parsed.data];
    list(`policy ${name}: a stack file supports only integers and non-numeric strings in a definition`);
    return [];
  });
  return { users, passwords, exchanges, queues, policies, unexpressed };
}

const inVhost = (one: { readonly vhost: string }): boolean => one.vhost === vhost;
const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

/** The provider expects strings, sends those that look like an integer as numbers, and booleans as strings. */
const isSent = (value: unknown): boolean =>
  typeof value === "number" ? Number.isSafeInteger(value) : typeof value === "string" && !/^[+-]?\d+$/.test(value);

type List = (what: string, consequence?: string) => void;

function readUsers(definitions: Definitions, options: ObjectsOptions, list: List) {
  const users: FoundObjects["users"] = {};
  const passwords: FoundObjects["passwords"] = {};
  for (const user of definitions.users) {
    const { name, tags } = user;
    if (!isEmpty(user.limits ?? {})) list(`limits of user ${name}`);
    const verdict = checkPassword(user, options.passwords);
    const reason = verdict.kind === "unmanaged" ? verdict.reason : (nameFault(name) ?? tagFault(tags));
    const own = definitions.permissions.find((one) => one.user === name && inVhost(one));
    const ldapOnly = verdict.kind === "none" && !options.ldap;
    if (reason || ldapOnly) {
      list(
        `user ${name}: ${reason ?? "has no password, and the stack file can't express LDAP servers that check one"}`,
      );
      continue;
    }
    if (verdict.kind === "given") passwords[name] = verdict.password;
    users[name] = {
      ...(tags.length > 0 ? { tags } : {}),
      ...(own ? { permissions: { configure: own.configure, write: own.write, read: own.read } } : {}),
      ...(verdict.kind === "none" ? { ldap: true } : {}),
    };
  }
  return { users, passwords };
}

/** The provider's ids are `NAME@VHOST`: see the check `unusable-name`. */
const nameFault = (name: string): string | undefined => {
  if (name.includes("@")) return "a name with an @ can't be managed";
  return Buffer.byteLength(name) > 255 ? "a name of more than 255 bytes can't be managed" : undefined;
};

const tagFault = (tags: readonly string[]): string | undefined => {
  const strange = tags.find((tag) => !/^[a-z_]+$/.test(tag));
  return strange === undefined ? undefined : `tag ${strange} can't be expressed in a stack file`;
};

function readQueues(definitions: Definitions, options: ObjectsOptions, list: List): FoundObjects["queues"] {
  const bindings = definitions.bindings.filter(inVhost);
  const managed = new Set<string>();
  const queues = definitions.queues.flatMap((queue) => {
    const { name, durable, auto_delete: autoDelete } = queue;
    if (!options.queues.test(name)) {
      list(`queue ${name}, with its bindings: excluded by --queues`);
      return [];
    }
    const own = bindings.filter((one) => one.destination_type === "queue" && one.destination === name);
    const plain = own.filter((one) => isEmpty(one.arguments));
    const input = {
      name,
      arguments: queue.arguments,
      bindings: plain.map((one) => ({ exchange: one.source, key: one.routing_key })),
    };
    const parsed = queueSchema.safeParse(input);
    if (!durable || autoDelete || !parsed.success) {
      list(`queue ${name}: a stack file supports only durable queues whose arguments are strings, numbers or booleans`);
      return [];
    }
    for (const { source } of own.filter((one) => !plain.includes(one)))
      list(`binding of ${source} to ${name}: has arguments`);
    managed.add(name);
    return [parsed.data];
  });
  for (const binding of bindings.filter((one) => one.destination_type !== "queue")) {
    list(`binding of exchange ${binding.source} to exchange ${binding.destination}`);
  }
  return queues;
}

/** Everything outside vhost `/`, and kinds of objects that a stack file can't express. */
function listOthers(definitions: Definitions, list: List): void {
  for (const { name, limits } of definitions.vhosts) {
    if (name !== vhost) list(`vhost ${name}, with everything in it`);
    else if (limits && limits.length > 0) list(`limits of vhost ${name}`);
  }
  for (const { user, vhost: where } of definitions.topic_permissions)
    list(`topic permissions of ${user} in vhost ${where}`);
  for (const { component, name } of definitions.parameters.filter(inVhost)) list(`parameter ${component} ${name}`);
  for (const { name, value } of definitions.global_parameters) {
    // Every 4.x broker has tags of its cluster, usually an empty list.
    const usual =
      name === "cluster_name" || name === "internal_cluster_id" || (Array.isArray(value) && value.length === 0);
    if (!usual) list(`global parameter ${name}`);
  }
}
