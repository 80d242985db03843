import { atom, binary, nativeInteger, setting, type Term, tuple } from "../../templates/erlang-terms.ts";
import type { LdapCase, LdapOperand, LdapQuery } from "../config/ldap-query.ts";
import { type BrokerSettings, type LdapSettings, tlsVersions } from "./broker-settings.ts";
import { caFile } from "./tls.ts";

const ldapBackend = atom("rabbit_auth_backend_ldap");
const internalBackend = atom("rabbit_auth_backend_internal");
const versions = setting("versions", tlsVersions.map(atom));

/** The complete configuration for `rabbitmq.config`: a property list of applications. */
export function configTerms(settings: BrokerSettings): Term {
  return [
    setting("rabbit", rabbitTerms(settings)),
    setting("rabbitmq_management", managementTerms(settings)),
    ...metricsTerms(settings),
    ...kernelTerms(settings),
    ...(settings.ldap
      ? [setting("rabbitmq_auth_backend_ldap", [...ldapTerms(settings.ldap), ...directoryTerms(settings.ldap)])]
      : []),
  ];
}

/** Settings for `advanced.config` that `rabbitmq.conf` can't express; undefined if there are none. */
export function advancedTerms(settings: BrokerSettings): Term | undefined {
  const { ldap } = settings;
  const applications = [
    ...(ldap?.authorization === "internal" ? [setting("rabbit", [setting("auth_backends", backendTerms(ldap))])] : []),
    ...(ldap ? [setting("rabbitmq_auth_backend_ldap", directoryTerms(ldap))] : []),
    ...kernelTerms(settings),
  ];
  return applications.length > 0 ? applications : undefined;
}

/** Linux's `IPPROTO_TCP` and `TCP_USER_TIMEOUT`. Accepted connections inherit it from the listening socket. */
const userTimeout = [6, 18] as const;

/** Settings of connections between members: when an unanswered connection is closed. */
function kernelTerms({ nodeLoss }: BrokerSettings): Term[] {
  if (!nodeLoss) return [];
  const options = [tuple(atom("raw"), ...userTimeout, nativeInteger(nodeLoss.userTimeoutMs))];
  return [
    setting("kernel", [
      setting("inet_dist_connect_options", options),
      setting("inet_dist_listen_options", options),
      setting("net_setuptime", nodeLoss.setupSeconds),
    ]),
  ];
}

/** TLS of Erlang's distribution: each end proves by its certificate that it belongs to the stack, before the cookie counts. */
export function distributionTerms(settings: BrokerSettings): Term {
  const mutual = [setting("cacertfile", caFile), ...certificateTerms(settings), setting("verify", atom("verify_peer"))];
  return [setting("server", [...mutual, setting("fail_if_no_peer_cert", true)]), setting("client", mutual)];
}

function rabbitTerms(settings: BrokerSettings): Term[] {
  const { clear, tls, nodes, ldap } = settings;
  const certificate = certificateTerms(settings);
  return [
    setting("tcp_listeners", [clear.address === undefined ? clear.port : tuple(clear.address, clear.port)]),
    ...(tls
      ? [
          setting("ssl_listeners", [tls.port]),
          // Clients need no certificate, because they have names and passwords.
          setting("ssl_options", [
            ...certificate,
            setting("verify", atom("verify_none")),
            setting("fail_if_no_peer_cert", false),
          ]),
        ]
      : []),
    setting("cluster_name", settings.clusterName),
    ...(nodes.length > 0
      ? [
          setting("cluster_formation", [
            setting("peer_discovery_backend", atom("rabbit_peer_discovery_classic_config")),
          ]),
          setting("cluster_nodes", tuple(nodes.map(atom), atom("disc"))),
          setting("cluster_partition_handling", atom(settings.partitionHandling)),
          ...(settings.nodeLoss ? [setting("cluster_keepalive_interval", settings.nodeLoss.keepaliveMs)] : []),
        ]
      : []),
    setting("frame_max", settings.frameBytesMax),
    ...(settings.messageBytesMax ? [setting("max_message_size", settings.messageBytesMax)] : []),
    setting("heartbeat", settings.heartbeatSeconds),
    setting("log", [setting("categories", [setting("connection", [setting("level", atom("error"))])])]),
    setting("load_definitions", settings.definitionsFile),
    setting("loopback_users", settings.loopbackUsers.map(binary)),
    ...(settings.refuseAnonymous
      ? [setting("auth_mechanisms", [atom("PLAIN"), atom("AMQPLAIN")]), setting("anonymous_login_user", atom("none"))]
      : []),
    ...(ldap ? [setting("auth_backends", backendTerms(ldap))] : []),
  ];
}

/**
 * Backends in order. A pair names the backend for authentication and the backends for authorization, which must all agree: the broker checks its
 * own permissions, and LDAP checks that the name is one of its users.
 */
function backendTerms({ first, authorization }: LdapSettings): Term[] {
  const viaLdap = {
    internal: tuple(ldapBackend, [internalBackend, ldapBackend]),
    compatible: tuple(ldapBackend, internalBackend),
    ldap: ldapBackend,
  }[authorization];
  return first === "ldap" ? [viaLdap, internalBackend] : [internalBackend, viaLdap];
}

function managementTerms(settings: BrokerSettings): Term[] {
  const { address, port, tls, plainPort } = settings.management;
  const listener = (at: number) => [setting("port", at), setting("ip", address)];
  if (!tls) return [setting("tcp_config", listener(port))];
  return [
    setting("ssl_config", [...listener(port), ...certificateTerms(settings)]),
    ...(plainPort === undefined ? [] : [setting("tcp_config", listener(plainPort))]),
  ];
}

/** For this host only: its exporter proxy passes them on. */
const metricsTerms = ({ metricsPort }: BrokerSettings): Term[] =>
  metricsPort === undefined
    ? []
    : [
        setting("rabbitmq_prometheus", [
          setting("tcp_config", [setting("port", metricsPort), setting("ip", "127.0.0.1")]),
        ]),
      ];

const certificateTerms = ({ certificateFile }: BrokerSettings): Term[] => [
  setting("certfile", certificateFile),
  setting("keyfile", certificateFile),
  versions,
];

function ldapTerms(ldap: LdapSettings): Term[] {
  return [
    setting("servers", ldap.servers),
    setting("port", ldap.port),
    setting("use_ssl", ldap.encryption === "ldaps"),
    setting("use_starttls", ldap.encryption === "starttls"),
    ...(ldap.tls
      ? [
          setting("ssl_options", [
            setting("cacertfile", ldap.tls.caFile),
            setting("verify", atom(ldap.tls.verify ? "verify_peer" : "verify_none")),
            ...(ldap.tls.serverName ? [setting("server_name_indication", ldap.tls.serverName)] : []),
            versions,
          ]),
        ]
      : []),
    setting("timeout", ldap.timeoutMs),
    setting("log", ldap.log === "network" ? atom(ldap.log) : ldap.log === "true"),
  ];
}

/** DNs, queries and the old term, which `rabbitmq.conf` can't express: a `#` would end a DN, and there are no queries. */
const directoryTerms = (ldap: LdapSettings): Term[] => [
  ...(ldap.oldNetworkTerm ? [setting("network", true)] : []),
  setting("user_dn_pattern", ldap.userDnPattern),
  ...(ldap.groupLookupBase ? [setting("group_lookup_base", ldap.groupLookupBase)] : []),
  ...ldap.accessQueries.map(({ name, query }) => setting(name, queryTerm(query))),
  setting(
    "tag_queries",
    ldap.tagQueries.map(({ tag, query }) => setting(tag, queryTerm(query))),
  ),
];

/** A query in the form of RabbitMQ's LDAP plugin, e.g. `{in_group, "cn=…"}`. */
function queryTerm(query: LdapQuery): Term {
  if (typeof query === "boolean") return setting("constant", query);
  if ("inGroup" in query) return inGroup("in_group", query.inGroup, query.attribute);
  if ("inGroupNested" in query) return inGroup("in_group_nested", query.inGroupNested, query.attribute);
  if ("exists" in query) return setting("exists", query.exists);
  if ("not" in query) return setting("not", queryTerm(query.not));
  if ("and" in query) return setting("and", query.and.map(queryTerm));
  if ("or" in query) return setting("or", query.or.map(queryTerm));
  if ("equals" in query) return tuple(atom("equals"), ...query.equals.map(operandTerm));
  if ("match" in query) return tuple(atom("match"), ...query.match.map(operandTerm));
  return setting("for", query.for.map(caseTerm));
}

const inGroup = (name: string, dn: string, attribute: string | undefined): Term =>
  attribute === undefined ? setting(name, dn) : tuple(atom(name), dn, attribute);

const operandTerm = (operand: LdapOperand): Term =>
  typeof operand === "string" ? setting("string", operand) : tuple(atom("attribute"), operand.of, operand.attribute);

function caseTerm(one: LdapCase): Term {
  const query = queryTerm(one.query);
  if ("permission" in one) return tuple(atom("permission"), atom(one.permission), query);
  if ("resource" in one) return tuple(atom("resource"), atom(one.resource), query);
  // The broker compares it with the vhost's name, which is a binary.
  return tuple(atom("vhost"), binary(one.vhost), query);
}
