import * as z from "zod";
import { addressSchema, nameSchema, portSchema } from "./hosts.ts";
import { ldapSchema } from "./ldap.ts";
import { outsidersSchema } from "./outsiders.ts";
import { seriesNames } from "./series.ts";

const permissionSettings = ["safe", "compatible"] as const;

/** An argument of a queue or a value of a policy, as RabbitMQ accepts it. */
const valueSchema = z.union([z.string(), z.number(), z.boolean()]);

/** Regular expressions of the names on `/` that a user may configure, write and read. */
const permissionsSchema = z.strictObject({ configure: z.string(), write: z.string(), read: z.string() });

/**
 * `compatible`: the old expressions, which anonymous and each LDAP user had. `all`: everything, as the package gives it to guest, and the old
 * commands to feeder.
 */
const permissionWords = ["compatible", "all"] as const;

export const userSchema = z.strictObject({
  tags: z.array(z.string().regex(/^[a-z_]+$/, "expected a tag, e.g. monitoring")).default([]),
  permissions: z.union([z.enum(permissionWords), permissionsSchema]).optional(),
  /** LDAP alone (`ldap` of the broker) checks the password; `warren:secrets.passwords` has none. */
  ldap: z.boolean().default(false),
});

export const exchangeTypes = ["topic", "direct", "fanout", "headers"] as const;

/** `NAME` alone is a durable topic exchange. */
const exchangeSchema = z
  .union([z.string().min(1), z.strictObject({ name: z.string().min(1), type: z.enum(exchangeTypes) })])
  .transform((exchange) => (typeof exchange === "string" ? { name: exchange, type: "topic" as const } : exchange));

/** A durable queue that no agent declares. */
export const queueSchema = z.strictObject({
  name: z.string().min(1),
  arguments: z.record(z.string(), valueSchema).default({}),
  bindings: z.array(z.strictObject({ exchange: z.string().min(1), key: z.string() })).default([]),
});

export const policySchema = z.strictObject({
  name: z.string().min(1),
  pattern: z.string(),
  applyTo: z.enum(["queues", "exchanges", "all", "classic_queues", "quorum_queues", "streams"]).default("queues"),
  priority: z.int().default(0),
  definition: z.record(z.string(), valueSchema),
});

const managementSchema = z.strictObject({
  /** Default: 15671 with TLS, 15672 without. */
  port: portSchema.optional(),
  /** HTTP without TLS on one more port, for clients that know no HTTPS; the old port is 15672. Only with TLS, without which `port` is this. */
  plainPort: portSchema.optional(),
  /** Listen address on each member; `127.0.0.1` restricts access to the host itself. */
  address: addressSchema.default("0.0.0.0"),
  /** Networks with access, e.g. `10.0.0.0/8`; they must include that of warren's own machine. Empty: any network. Members always have access. */
  from: z.array(z.cidrv4("expected a network, e.g. 10.0.0.0/8")).default([]),
});

/** The MQTT plugin's user with a password that is known to the public, as WIS2 has it: it may only subscribe to notifications. */
export const mqttUser = "everyone";

const mqttSchema = z.strictObject({
  /** With `tls` of the broker. */
  tlsPort: portSchema.default(8883),
  /** Without TLS; only with `plainText` of the broker. */
  port: portSchema.default(1883),
  /** MQTT over WebSockets at `/ws`, with TLS if the broker has it; default: none. */
  webPort: portSchema.optional(),
  /** Topic exchange that subscriptions are bound to. */
  exchange: z.string().min(1).default("xpublic"),
});

/**
 * Milliseconds after which a member counts as lost if its kernel does not acknowledge what other members sent, by the kind of machine (`timing`
 * of the virtual IP); its queues then get other leaders. On metal a kernel answers within a millisecond, however busy its host is; a virtual
 * machine may pause for seconds while it migrates. Longer than the virtual IP waits, so that a lost member has already lost the address.
 */
export const nodeTimeouts = { metal: 1000, migrating: 8000 } as const;

const brokerFields = z.strictObject({
  members: z.array(nameSchema).min(1),
  /** Package series, pinned and held on the members: Debian's security updates install minor versions. */
  series: z.enum(seriesNames),
  /** Name of the virtual IP (`warren:virtualIps`) at which clients find the cluster. */
  virtualIp: nameSchema.optional(),
  /** Unencrypted AMQP: always on loopback; for other hosts if `plainText` is true. */
  port: portSchema.default(5672),
  plainText: z.boolean().default(false),
  /** AMQP over TLS, and TLS for the management API, with certificates of the stack's CA. */
  tls: z.boolean().default(true),
  tlsPort: portSchema.default(5671),
  management: managementSchema.default(managementSchema.parse({})),
  /** MQTT 5 for subscribers of WIS2, as user `everyone` with the password `everyone`; default: none. */
  mqtt: mqttSchema.optional(),
  /** epmd, distribution and CLI ports for members only. */
  firewall: z.boolean().default(true),
  /** Connections between members, and of `rabbitmqctl`, over TLS with certificates of the stack's CA on both ends. Needs `tls`. */
  distributionTls: z.boolean().default(false),
  /** `compatible`: the old regular expressions, unchanged; `safe`: anchored expressions, by which anonymous can't write to shared objects. */
  permissions: z.enum(permissionSettings).default("safe"),
  /**
   * A user for each kind of agent (`announcer`, `dispatcher`, `puller`, …) with only the permissions that it needs; if false, all agents log in as
   * `announcements.user`. Default: true, except with `permissions: compatible`, without `standardObjects`, and at adopted brokers.
   */
  roles: z.boolean().optional(),
  /** The user that warren itself logs in as. */
  administrator: z.string().min(1).default("root"),
  /** Users beside root, feeder, anonymous and guest, or other settings for one of these. */
  users: z.record(z.string().min(1), userSchema).default({}),
  /** Create feeder, anonymous, guest, the replication policy and the limits for outsiders; `false` for a broker with objects of its own. */
  standardObjects: z.boolean().default(true),
  exchanges: z.array(exchangeSchema).default([
    { name: "cmc", type: "topic" },
    { name: "xpublic", type: "topic" },
  ]),
  queues: z.array(queueSchema).default([]),
  /**
   * Type of durable queues that a client declares without one. `quorum` replicates them, as the old policy did with `cmc.…`; but all of them, as
   * a type can't depend on a name. What may be lost with its client or its host stays classic: auto-delete, exclusive and not durable queues.
   */
  defaultQueueType: z.enum(["classic", "quorum"]).default("classic"),
  policies: z.array(policySchema).default([]),
  /** Limits that no policy and no client can raise, e.g. `max-length-bytes` and `expires` of clients' queues. */
  operatorPolicies: z.array(policySchema).default([]),
  /** Limits for outsiders; `false`: none. Default: each key's default with `standardObjects`, else none. */
  outsiders: z.union([z.literal(false), outsidersSchema]).optional(),
  /** Users that may log in only from the broker's own host. `[]` opens the default user to the network. */
  loopbackUsers: z.array(z.string().min(1)).default(["guest"]),
  /** Default: `autoheal` for two members, which can't form a majority, else `pause_minority`. */
  partitionHandling: z.enum(["autoheal", "ignore", "pause_minority"]).optional(),
  /**
   * Milliseconds after which a member that doesn't answer is lost to the others. Default: by the `timing` of the virtual IP, 1000 on metal, 8000
   * where hosts migrate. A member that answers too late is not harmed: it rejoins, and its queues synchronise.
   */
  nodeTimeoutMs: z.int().min(500).max(120_000).optional(),
  ldap: ldapSchema.optional(),
});

/** One RabbitMQ cluster; a single member is a cluster of one. */
export const brokerSchema = brokerFields.transform((broker) => {
  const port = broker.management.port ?? (broker.tls ? 15_671 : 15_672);
  const outsiders = broker.outsiders ?? (broker.standardObjects ? outsidersSchema.parse({}) : false);
  return { ...broker, outsiders, management: { ...broker.management, port } };
});

/** The port that MQTT's clients use. */
export const mqttPortOf = (
  { tls }: { readonly tls: boolean },
  { tlsPort, port }: z.infer<typeof mqttSchema>,
): number => (tls ? tlsPort : port);

export const brokersSchema = z.record(nameSchema, brokerSchema);
export type BrokerConfig = z.infer<typeof brokerSchema>;
