import { type BrokerConfig, nodeTimeouts } from "../config/brokers.ts";
import type { StackConfig } from "../config/index.ts";
import type { LdapConfig } from "../config/ldap.ts";
import type { LdapQuery } from "../config/ldap-query.ts";
import { traitsOf } from "../config/series.ts";
import { timingSchema } from "../config/virtual-ips.ts";
import { literally } from "./permissions.ts";
import { brokerCertificateFile, caFile } from "./tls.ts";

/** A broker's own configuration, independent of its file format. */
export interface BrokerSettings {
  /** Unencrypted AMQP; without an address, on all addresses. */
  readonly clear: { readonly address?: string; readonly port: number };
  readonly tls?: { readonly port: number };
  /** PEM file with certificate and key of all TLS listeners. */
  readonly certificateFile: string;
  readonly management: {
    readonly address: string;
    readonly port: number;
    readonly tls: boolean;
    /** HTTP without TLS beside HTTPS. */
    readonly plainPort?: number;
  };
  readonly mqtt?: MqttSettings;
  readonly clusterName: string;
  /** Node names in the order of the config; empty for a single broker. */
  readonly nodes: readonly string[];
  readonly partitionHandling: "autoheal" | "ignore" | "pause_minority";
  /** Connections between members and from the command line over TLS. */
  readonly distributionTls: boolean;
  /** How the loss of a member is detected; absent for a single broker. */
  readonly nodeLoss?: NodeLoss;
  readonly heartbeatSeconds: number;
  /** Bytes of an AMQP frame, which bounds the headers and arguments that a client may send. */
  readonly frameBytesMax: number;
  /** Bytes of a message's body; false: RabbitMQ's own limit. */
  readonly messageBytesMax: number | false;
  readonly definitionsFile: string;
  /** Of queues that clients declare without one. */
  readonly defaultQueueType: "classic" | "quorum";
  readonly loopbackUsers: readonly string[];
  /** Turns off anonymous logins, in series that have them. */
  readonly refuseAnonymous: boolean;
  readonly ldap?: LdapSettings;
  /** Loopback port of metrics, for monitors. */
  readonly metricsPort?: number;
}

/** MQTT and its listeners; 0: none. */
interface MqttSettings {
  readonly tlsPort: number;
  readonly port: number;
  readonly webTlsPort: number;
  readonly webPort: number;
  readonly exchange: string;
  /** Seconds for which a subscriber's queue stays without it, whatever the subscriber asks for; 0: RabbitMQ's default, a day. */
  readonly sessionSecondsMax: number;
}

interface NodeLoss {
  /** Milliseconds for which another member's kernel may leave data unacknowledged. */
  readonly timeoutMs: number;
  /** The corresponding milliseconds of TCP_USER_TIMEOUT. */
  readonly userTimeoutMs: number;
  /** Milliseconds between keepalive messages of members: a loss is detected only if something is sent. */
  readonly keepaliveMs: number;
  /** Limit in seconds for connecting to another member; members wait that long before they continue without a lost one. */
  readonly setupSeconds: number;
  /** Milliseconds between checks of other members of quorum queues, so that leaders are replaced before the member counts as lost. */
  readonly raftPollMs: number;
}

export interface LdapSettings {
  readonly servers: readonly string[];
  readonly port: number;
  readonly encryption: LdapConfig["encryption"];
  /** Absent without encryption. `serverName` is the expected name in the certificate; default: the name or address of the connection. */
  readonly tls?: { readonly caFile: string; readonly verify: boolean; readonly serverName?: string };
  readonly userDnPattern: string;
  readonly timeoutMs: number;
  /** RabbitMQ's values. */
  readonly log: "false" | "true" | "network";
  /** Writes the old `{network, true}` too, which RabbitMQ ignores. */
  readonly oldNetworkTerm: boolean;
  readonly first: LdapConfig["first"];
  /** `compatible`: LDAP checks the password only; `internal`: it also checks that the name is one of its users; `ldap`: it also authorizes users. */
  readonly authorization: LdapConfig["authorization"];
  readonly groupLookupBase?: string;
  readonly tagQueries: readonly { readonly tag: string; readonly query: LdapQuery }[];
  readonly accessQueries: readonly { readonly name: string; readonly query: LdapQuery }[];
}

/** TLS versions of listeners and LDAP connections, newest first. */
export const tlsVersions = ["tlsv1.3", "tlsv1.2"] as const;

/**
 * A quarter of RabbitMQ's default. Headers of a message and arguments of a declaration have to fit into one frame; bodies are split. A single binding
 * whose arguments are nested 13,000 deep, which takes 91 kB, crashes a node of RabbitMQ 3.10.8 (segmentation fault), and any user with the right to
 * bind can send it. What fits into this limit does not.
 */
const frameBytesMax = 32_768;

export const definitionsFile = "/etc/rabbitmq/warren-definitions.json";

/** Erlang's default, and the longest sensible value. */
const setupSecondsMax = 7;

/**
 * Linux counts TCP_USER_TIMEOUT from the first retransmission, which happens this long after sending: the minimum retransmission timeout, which
 * applies between nearby hosts.
 */
const retransmissionMs = 200;

/**
 * Several keepalives and checks fit into the time after which silence counts as loss. Then members try to reconnect once, in vain. Until that times
 * out, consumers of mirrored queues stall, and so do those of a quorum queue whose new leader was elected after the loss.
 */
const nodeLossOf = (timeoutMs: number, distributionTls: boolean): NodeLoss => ({
  timeoutMs,
  userTimeoutMs: timeoutMs - retransmissionMs,
  keepaliveMs: Math.floor(timeoutMs / 10),
  // A handshake takes milliseconds, but each start of a node or command loads Erlang's TLS first, which takes seconds on a busy host.
  setupSeconds: distributionTls ? setupSecondsMax : Math.min(setupSecondsMax, Math.ceil(timeoutMs / 1000)),
  raftPollMs: Math.floor(timeoutMs / 4),
});

/** Milliseconds until members of a cluster consider each other lost. */
export function nodeTimeoutMsOf(virtualIps: StackConfig["virtualIps"], broker: BrokerConfig): number {
  const vip = broker.virtualIp === undefined ? undefined : virtualIps[broker.virtualIp];
  return broker.nodeTimeoutMs ?? nodeTimeouts[vip?.timing ?? timingSchema.parse(undefined)];
}

/** The settings of a cluster's members: the same on each. @param metricsPort default: no metrics */
export function brokerSettings(
  clusterName: string,
  broker: BrokerConfig,
  nodeTimeoutMs: number,
  metricsPort?: number,
): BrokerSettings {
  return {
    clear: { ...(broker.plainText ? {} : { address: "127.0.0.1" }), port: broker.port },
    ...(broker.tls ? { tls: { port: broker.tlsPort } } : {}),
    certificateFile: brokerCertificateFile,
    management: {
      address: broker.management.address,
      port: broker.management.port,
      tls: broker.tls,
      ...(broker.management.plainPort === undefined ? {} : { plainPort: broker.management.plainPort }),
    },
    ...(broker.mqtt ? { mqtt: mqttSettings(broker, broker.mqtt) } : {}),
    clusterName,
    nodes: broker.members.length > 1 ? broker.members.map((name) => `rabbit@${name}`) : [],
    partitionHandling: partitionHandlingOf(broker),
    distributionTls: broker.distributionTls,
    ...(broker.members.length > 1 ? { nodeLoss: nodeLossOf(nodeTimeoutMs, broker.distributionTls) } : {}),
    // Clients of a lost host are disconnected after two missed heartbeats.
    heartbeatSeconds: 10,
    frameBytesMax,
    messageBytesMax: broker.outsiders ? broker.outsiders.messageBytesMax : false,
    definitionsFile,
    defaultQueueType: broker.defaultQueueType,
    loopbackUsers: broker.loopbackUsers,
    refuseAnonymous: traitsOf(broker.series).anonymousMechanism,
    ...(broker.ldap ? { ldap: ldapSettings(broker.ldap, ldapUsers(broker)) } : {}),
    ...(metricsPort === undefined ? {} : { metricsPort }),
  };
}

function mqttSettings(
  { tls, plainText, outsiders }: BrokerConfig,
  mqtt: NonNullable<BrokerConfig["mqtt"]>,
): MqttSettings {
  const { webPort = 0 } = mqtt;
  return {
    tlsPort: tls ? mqtt.tlsPort : 0,
    port: plainText ? mqtt.port : 0,
    webTlsPort: tls ? webPort : 0,
    webPort: !tls && plainText ? webPort : 0,
    exchange: mqtt.exchange,
    sessionSecondsMax: outsiders ? outsiders.queueUnusedSeconds : 0,
  };
}

/** Two members can't form a majority, so the partition with more clients wins. With more members, the minority pauses. */
const partitionHandlingOf = (broker: BrokerConfig) =>
  broker.partitionHandling ?? (broker.members.length === 2 ? "autoheal" : "pause_minority");

/** Users whose password LDAP checks. */
const ldapUsers = ({ users }: BrokerConfig): string[] =>
  Object.entries(users).flatMap(([name, { ldap }]) => (ldap ? [name] : []));

/**
 * A query that the directory answers for these names only. Without it, a directory entry with the name of one of the broker's own users, such as
 * `feeder`, would have that user's permissions, with the entry's password.
 */
const onlyFor = (names: readonly string[]): LdapQuery =>
  names.length === 0 ? false : { match: [`\${username}`, `^(${names.map(literally).join("|")})$`] };

function ldapSettings(ldap: LdapConfig, users: readonly string[]): LdapSettings {
  const [server = "", ...others] = ldap.servers;
  // After StartTLS Erlang knows only the server's address, so it needs the name to verify the certificate. That works for a single server only.
  const serverName = others.length === 0 && !/^[\d.]+$|:/.test(server) ? { serverName: server } : {};
  return {
    servers: ldap.servers,
    port: ldap.port ?? (ldap.encryption === "ldaps" ? 636 : 389),
    encryption: ldap.encryption,
    ...(ldap.encryption === "none"
      ? {}
      : { tls: { caFile: ldap.caFile ?? caFile, verify: ldap.verify, ...serverName } }),
    userDnPattern: ldap.userDnPattern,
    timeoutMs: ldap.timeoutMs,
    log: ({ off: "false", on: "true", network: "network", compatible: "true" } as const)[ldap.log],
    oldNetworkTerm: ldap.log === "compatible",
    first: ldap.first,
    authorization: ldap.authorization,
    ...(ldap.groupLookupBase ? { groupLookupBase: ldap.groupLookupBase } : {}),
    // These run for every LDAP user, whatever authorizes them: `true` for management would open the management API to all of them.
    tagQueries: Object.entries({ administrator: false, management: false, ...ldap.tags }).map(([tag, query]) => ({
      tag,
      query,
    })),
    // With `compatible` the broker never asks them.
    accessQueries: (ldap.authorization === "internal"
      ? [{ name: "vhost_access_query", query: onlyFor(users) }]
      : [
          { name: "vhost_access_query", query: ldap.vhostAccess },
          { name: "resource_access_query", query: ldap.resourceAccess },
          { name: "topic_access_query", query: ldap.topicAccess },
        ]
    ).flatMap(({ name, query }) => (query === undefined ? [] : [{ name, query }])),
  };
}
