import { z } from "zod";
import { addressSchema, nameSchema, portSchema } from "./hosts.ts";
import { ldapSchema } from "./ldap.ts";
import { seriesNames } from "./series.ts";

const permissionSettings = ["safe", "compatible"] as const;

/** An argument of a queue or a value of a policy, as RabbitMQ takes it. */
const valueSchema = z.union([z.string(), z.number(), z.boolean()]);

/** Regular expressions on `/`: what a user may configure, write, read. */
const permissionsSchema = z.strictObject({ configure: z.string(), write: z.string(), read: z.string() });

export const userSchema = z.strictObject({
  tags: z.array(z.string().regex(/^[a-z_]+$/, "a tag, e.g. monitoring")).default([]),
  permissions: permissionsSchema.optional(),
  /** The password is checked by LDAP (`ldap` of the broker) and by nothing else; there is none under `warren:secrets.passwords`. */
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
  /** Left out: 15671, over TLS; 15672 where the broker has none. */
  port: portSchema.optional(),
  /** Address that it listens on, on each member; `127.0.0.1` for nobody but the host itself. */
  address: addressSchema.default("0.0.0.0"),
  /** Networks that may reach it, e.g. `10.0.0.0/8`, that of warren's own machine among them; empty: any. Members always may. */
  from: z.array(z.cidrv4("a network, e.g. 10.0.0.0/8")).default([]),
});

/**
 * Milliseconds for which a member's kernel may leave what the others sent it without an answer, by the kind of machine (`timing` of the
 * virtual IP): then it is lost to them, and queues get other leaders. On metal a kernel answers within a millisecond, however busy its
 * host is; a virtual machine may stand still for seconds while it migrates. Longer than a virtual IP waits: who is lost has lost it.
 */
export const nodeTimeouts = { metal: 1000, migrating: 8000 } as const;

const brokerFields = z.strictObject({
  members: z.array(nameSchema).min(1),
  /** Package series, pinned and held on the members: minor versions replace themselves by Debian's security updates. */
  series: z.enum(seriesNames),
  /** Name of the virtual IP (`warren:virtualIps`) at which clients find the cluster. */
  virtualIp: nameSchema.optional(),
  /** AMQP in the clear: on loopback always, for other hosts where `plainText` says so. */
  port: portSchema.default(5672),
  plainText: z.boolean().default(false),
  /** AMQP over TLS, and TLS for the management API, with certificates of the stack's CA. */
  tls: z.boolean().default(true),
  tlsPort: portSchema.default(5671),
  management: managementSchema.default(managementSchema.parse({})),
  /** epmd, distribution and CLI ports for members only. */
  firewall: z.boolean().default(true),
  /** `compatible`: the old regular expressions to the letter; `safe`: anchored, anonymous can't write what is shared. */
  permissions: z.enum(permissionSettings).default("safe"),
  /** The user that warren itself works as. */
  administrator: z.string().min(1).default("root"),
  /** Users beside (or instead of the settings of) root, feeder, anonymous and guest. */
  users: z.record(z.string().min(1), userSchema).default({}),
  /** feeder, anonymous, guest and the replication policy; `false` for a broker that has its own. */
  standardObjects: z.boolean().default(true),
  exchanges: z.array(exchangeSchema).default([
    { name: "cmc", type: "topic" },
    { name: "xpublic", type: "topic" },
  ]),
  queues: z.array(queueSchema).default([]),
  policies: z.array(policySchema).default([]),
  /** Bounds that no policy and no client can widen, e.g. `max-length-bytes` and `expires` of clients' queues. */
  operatorPolicies: z.array(policySchema).default([]),
  /** Users that may log in from the broker's own host only. `[]` opens the default user to the network. */
  loopbackUsers: z.array(z.string().min(1)).default(["guest"]),
  /** Left out: `autoheal` for two members, which can't form a majority, else `pause_minority`. */
  partitionHandling: z.enum(["autoheal", "ignore", "pause_minority"]).optional(),
  /**
   * Milliseconds after which a member that doesn't answer is lost to the others. Left out: as the `timing` of the virtual IP has it, 1000 on
   * metal, 8000 where hosts migrate. One that answers late enough to be lost is not harmed; it joins again, and its queues synchronise.
   */
  nodeTimeoutMs: z.int().min(500).max(120_000).optional(),
  ldap: ldapSchema.optional(),
});

/** One RabbitMQ cluster; a single member is a cluster of one. */
export const brokerSchema = brokerFields.transform((broker) => {
  const port = broker.management.port ?? (broker.tls ? 15_671 : 15_672);
  return { ...broker, management: { ...broker.management, port } };
});

export const brokersSchema = z.record(nameSchema, brokerSchema);
export type BrokerConfig = z.infer<typeof brokerSchema>;
