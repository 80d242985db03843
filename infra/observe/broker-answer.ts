import * as z from "zod";

/** A member in an answer of the management API. */
const nodeSchema = z.object({
  name: z.string(),
  running: z.boolean().default(false),
  enabled_plugins: z.array(z.string()).optional(),
});

const values = z.record(z.string(), z.unknown()).default({});

/** Limits of a user or vhost by RabbitMQ's names, e.g. `max-queues`. Erlang may write an empty map as a list. */
const limits = z.union([z.record(z.string(), z.number()), z.tuple([]).transform((): Record<string, number> => ({}))]);

/** Content of a policy, or of an operator policy, which is among the parameters. */
const bounds = z.object({
  pattern: z.string(),
  "apply-to": z.string().default("all"),
  priority: z.number().default(0),
  definition: values,
});

/** The part of `/api/definitions` that the model covers. Brokers before 3.9 give tags as one string with commas. */
const definitionsSchema = z.object({
  users: z.array(
    z.object({
      name: z.string(),
      password_hash: z.string().default(""),
      hashing_algorithm: z.string().nullish(),
      tags: z.union([z.array(z.string()), z.string()]).default([]),
      limits: limits.optional(),
    }),
  ),
  permissions: z.array(
    z.object({ user: z.string(), vhost: z.string(), configure: z.string(), write: z.string(), read: z.string() }),
  ),
  topic_permissions: z
    .array(z.object({ user: z.string(), vhost: z.string(), exchange: z.string(), write: z.string(), read: z.string() }))
    .default([]),
  policies: z.array(bounds.extend({ name: z.string(), vhost: z.string() })),
  parameters: z
    .array(z.object({ name: z.string(), vhost: z.string(), component: z.string(), value: z.unknown() }))
    .default([]),
  queues: z.array(z.object({ name: z.string(), vhost: z.string(), durable: z.boolean(), arguments: values })),
  exchanges: z.array(z.object({ name: z.string(), vhost: z.string(), type: z.string(), durable: z.boolean() })),
  bindings: z.array(
    z.object({
      source: z.string(),
      vhost: z.string(),
      destination: z.string(),
      destination_type: z.string(),
      routing_key: z.string().default(""),
    }),
  ),
});

/** One member of a cluster, as another (or itself) sees it. */
export interface ObservedNode {
  readonly name: string;
  readonly running: boolean;
  /** Absent if the node is down. */
  readonly plugins?: readonly string[];
}

export type Limits = Readonly<Record<string, number>>;

export interface ObservedUser {
  readonly name: string;
  readonly passwordHash: string;
  readonly hashingAlgorithm: string;
  readonly tags: readonly string[];
  /** By RabbitMQ's names: `max-connections`, `max-channels`. */
  readonly limits: Limits;
}

export interface ObservedPolicy {
  readonly name: string;
  readonly vhost: string;
  readonly pattern: string;
  readonly applyTo: string;
  readonly priority: number;
  readonly definition: Readonly<Record<string, unknown>>;
}

/** Content of a cluster's database, as one member reports it: durable objects without the broker's own `amq.*`. */
export interface ObservedObjects {
  readonly users: readonly ObservedUser[];
  readonly permissions: readonly {
    readonly user: string;
    readonly vhost: string;
    readonly configure: string;
    readonly write: string;
    readonly read: string;
  }[];
  readonly topicPermissions: readonly {
    readonly user: string;
    readonly vhost: string;
    readonly exchange: string;
    readonly write: string;
    readonly read: string;
  }[];
  readonly policies: readonly ObservedPolicy[];
  readonly operatorPolicies: readonly ObservedPolicy[];
  /** Limits of vhosts. */
  readonly vhostLimits: readonly { readonly vhost: string; readonly limits: Limits }[];
  readonly queues: readonly {
    readonly name: string;
    readonly vhost: string;
    readonly arguments: Readonly<Record<string, unknown>>;
  }[];
  readonly exchanges: readonly {
    readonly name: string;
    readonly vhost: string;
    readonly type: string;
    readonly durable: boolean;
  }[];
  /** Bindings of queues. */
  readonly bindings: readonly {
    readonly vhost: string;
    readonly exchange: string;
    readonly queue: string;
    readonly key: string;
  }[];
  /** Bindings of exchanges. */
  readonly exchangeBindings: readonly {
    readonly vhost: string;
    readonly source: string;
    readonly destination: string;
    readonly key: string;
  }[];
}

/** Path below `/api/` of the answer that `parseNodes` reads: without statistics, which are slow on a large broker. */
export const nodesPath = "nodes?columns=name,running,enabled_plugins";
/** Path of the answer that `parseObjects` reads: the whole database in one request. */
export const objectsPath = "definitions";

/** @throws Error if the answer has an unexpected form */
export function parseNodes(answer: unknown): ObservedNode[] {
  return parsed(z.array(nodeSchema), answer, "nodes").map(({ name, running, enabled_plugins: plugins }) => ({
    name,
    running,
    ...(plugins ? { plugins } : {}),
  }));
}

/** @throws Error if the answer has an unexpected form */
export function parseObjects(answer: unknown): ObservedObjects {
  const found = parsed(definitionsSchema, answer, "definitions");
  return {
    users: found.users.map((user) => ({
      name: user.name,
      passwordHash: user.password_hash,
      // Users created before 3.6 have no algorithm, which means MD5.
      hashingAlgorithm: user.hashing_algorithm ?? "rabbit_password_hashing_md5",
      tags: (typeof user.tags === "string" ? user.tags.split(",") : user.tags).filter((tag) => tag !== ""),
      limits: user.limits ?? {},
    })),
    permissions: found.permissions,
    topicPermissions: found.topic_permissions,
    policies: found.policies.map(({ "apply-to": applyTo, ...policy }) => ({ ...policy, applyTo })),
    operatorPolicies: found.parameters.flatMap(({ name, vhost, component, value }) => {
      if (component !== "operator_policy") return [];
      const { "apply-to": applyTo, ...policy } = parsed(bounds, value, "operator policies");
      return [{ name, vhost, ...policy, applyTo }];
    }),
    vhostLimits: found.parameters.flatMap(({ vhost, component, value }) =>
      component === "vhost-limits" ? [{ vhost, limits: parsed(limits, value, "limits") }] : [],
    ),
    queues: found.queues,
    exchanges: found.exchanges,
    bindings: found.bindings.flatMap((binding) =>
      binding.destination_type === "queue"
        ? [
            {
              vhost: binding.vhost,
              exchange: binding.source,
              queue: binding.destination,
              key: binding.routing_key,
            },
          ]
        : [],
    ),
    exchangeBindings: found.bindings.flatMap(
      ({ destination_type: type, vhost, source, destination, routing_key: key }) =>
        type === "exchange" ? [{ vhost, source, destination, key }] : [],
    ),
  };
}

function parsed<Schema extends z.ZodType>(schema: Schema, answer: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(answer);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`unexpected ${what}: ${issue?.path.join(".")}: ${issue?.message}`);
}
