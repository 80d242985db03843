import { type BrokerConfig, nodeTimeouts } from "../config/brokers.ts";
import type { StackConfig } from "../config/index.ts";
import type { LdapConfig } from "../config/ldap.ts";
import type { LdapQuery } from "../config/ldap-query.ts";
import { traitsOf } from "../config/series.ts";
import { timingSchema } from "../config/virtual-ips.ts";
import { brokerCertificateFile, caFile } from "./tls.ts";

/** What a broker's own configuration says, whichever form it is written in. */
export interface BrokerSettings {
  /** AMQP in the clear; without an address on all of them. */
  readonly clear: { readonly address?: string; readonly port: number };
  readonly tls?: { readonly port: number };
  /** PEM file with certificate and key of every listener that speaks TLS. */
  readonly certificateFile: string;
  readonly management: { readonly address: string; readonly port: number; readonly tls: boolean };
  readonly clusterName: string;
  /** Node names in the order of the config; empty for a broker alone. */
  readonly nodes: readonly string[];
  readonly partitionHandling: "autoheal" | "ignore" | "pause_minority";
  /** How the loss of a member is noticed; absent for a broker alone. */
  readonly nodeLoss?: NodeLoss;
  readonly heartbeatSeconds: number;
  /** Bytes of an AMQP frame, which bounds the headers and arguments that a client may send. */
  readonly frameBytesMax: number;
  readonly definitionsFile: string;
  readonly loopbackUsers: readonly string[];
  /** Series that know logins without a name and password have them turned off. */
  readonly refuseAnonymous: boolean;
  readonly ldap?: LdapSettings;
}

interface NodeLoss {
  /** Milliseconds that what was sent to another member may stay unanswered by its kernel. */
  readonly timeoutMs: number;
  /** Milliseconds of TCP_USER_TIMEOUT that come to that. */
  readonly userTimeoutMs: number;
  /** Milliseconds between messages that members send each other for that: nothing is missed where nothing is sent. */
  readonly keepaliveMs: number;
  /** Seconds that a connection to another member may take to come about; members wait for that before they go on about one that is lost. */
  readonly setupSeconds: number;
  /** Milliseconds between looks at whether other members of quorum queues live: their leaders are replaced before the member is lost. */
  readonly raftPollMs: number;
}

export interface LdapSettings {
  readonly servers: readonly string[];
  readonly port: number;
  readonly encryption: LdapConfig["encryption"];
  /** Absent in the clear. `serverName` is whose certificate is expected; absent: the name or address that is dialled. */
  readonly tls?: { readonly caFile: string; readonly verify: boolean; readonly serverName?: string };
  readonly userDnPattern: string;
  readonly timeoutMs: number;
  /** RabbitMQ's words. */
  readonly log: "false" | "true" | "network";
  readonly first: LdapConfig["first"];
  /** LDAP checks the password alone, or says what a user may do as well. */
  readonly authorization: LdapConfig["authorization"];
  readonly groupLookupBase?: string;
  readonly tagQueries: readonly { readonly tag: string; readonly query: LdapQuery }[];
  readonly accessQueries: readonly { readonly name: string; readonly query: LdapQuery }[];
}

/** TLS that a listener or an LDAP connection speaks, newest first. */
export const tlsVersions = ["tlsv1.3", "tlsv1.2"] as const;

/**
 * A quarter of RabbitMQ's own. Headers of a message and arguments of a declaration have to fit into one frame; bodies are split. One binding whose
 * arguments are nested 13,000 deep, which takes 91 kB, ends a node of RabbitMQ 3.10.8 (segmentation fault), whoever may bind; what fits here does not.
 */
const frameBytesMax = 32_768;

export const definitionsFile = "/etc/rabbitmq/warren-definitions.json";

/** Erlang's own, and the longest that is sensible. */
const setupSecondsMax = 7;

/**
 * Linux counts TCP_USER_TIMEOUT from the first time that something is sent again, which is so long after it was sent: its shortest time, and
 * the one between hosts that are near.
 */
const sentAgainAfterMs = 200;

/**
 * Several messages and several looks fit into the time after which silence is loss. Then a lost member is tried once more, in vain: until that
 * is over, consumers of mirrored queues stand still, and so do those of a quorum queue whose new leader was elected after the loss.
 */
const nodeLossOf = (timeoutMs: number): NodeLoss => ({
  timeoutMs,
  userTimeoutMs: timeoutMs - sentAgainAfterMs,
  keepaliveMs: Math.floor(timeoutMs / 10),
  setupSeconds: Math.min(setupSecondsMax, Math.ceil(timeoutMs / 1000)),
  raftPollMs: Math.floor(timeoutMs / 4),
});

/** How soon members of a cluster miss each other. */
export function nodeTimeoutMsOf(virtualIps: StackConfig["virtualIps"], broker: BrokerConfig): number {
  const vip = broker.virtualIp === undefined ? undefined : virtualIps[broker.virtualIp];
  return broker.nodeTimeoutMs ?? nodeTimeouts[vip?.timing ?? timingSchema.parse(undefined)];
}

/** The settings of a cluster's members: the same on each. */
export function brokerSettings(clusterName: string, broker: BrokerConfig, nodeTimeoutMs: number): BrokerSettings {
  return {
    clear: { ...(broker.plainText ? {} : { address: "127.0.0.1" }), port: broker.port },
    ...(broker.tls ? { tls: { port: broker.tlsPort } } : {}),
    certificateFile: brokerCertificateFile,
    management: { address: broker.management.address, port: broker.management.port, tls: broker.tls },
    clusterName,
    nodes: broker.members.length > 1 ? broker.members.map((name) => `rabbit@${name}`) : [],
    partitionHandling: partitionHandlingOf(broker),
    ...(broker.members.length > 1 ? { nodeLoss: nodeLossOf(nodeTimeoutMs) } : {}),
    // Clients of a lost host are let go after two missed beats.
    heartbeatSeconds: 10,
    frameBytesMax,
    definitionsFile,
    loopbackUsers: broker.loopbackUsers,
    refuseAnonymous: traitsOf(broker.series).anonymousMechanism,
    ...(broker.ldap ? { ldap: ldapSettings(broker.ldap) } : {}),
  };
}

/** Two members can't form a majority: there the side with more clients wins after a partition, else the minority waits. */
const partitionHandlingOf = (broker: BrokerConfig) =>
  broker.partitionHandling ?? (broker.members.length === 2 ? "autoheal" : "pause_minority");

function ldapSettings(ldap: LdapConfig): LdapSettings {
  const [server = "", ...others] = ldap.servers;
  // After StartTLS Erlang knows the server's address alone; told its name, it checks the certificate for that. One name can't be several.
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
    log: ({ off: "false", on: "true", network: "network" } as const)[ldap.log],
    first: ldap.first,
    authorization: ldap.authorization,
    ...(ldap.groupLookupBase ? { groupLookupBase: ldap.groupLookupBase } : {}),
    // Asked of every LDAP user, whoever decides the rest: `true` for management would open the management API to all of them.
    tagQueries: Object.entries({ administrator: false, management: false, ...ldap.tags }).map(([tag, query]) => ({
      tag,
      query,
    })),
    accessQueries: [
      { name: "vhost_access_query", query: ldap.vhostAccess },
      { name: "resource_access_query", query: ldap.resourceAccess },
      { name: "topic_access_query", query: ldap.topicAccess },
    ].flatMap(({ name, query }) => (query === undefined ? [] : [{ name, query }])),
  };
}
