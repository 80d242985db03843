import { describe, expect, it } from "vitest";
import { atom, binary, nativeInteger, setting, type Term, tuple } from "../../templates/erlang-terms.ts";
import { parseTerms } from "../../templates/erlang-terms-parse.ts";
import { notesConfig } from "../adopt/fixture.ts";
import { brokerSchema } from "../config/brokers.ts";
import { virtualIpsSchema } from "../config/virtual-ips.ts";
import { brokerConfigFiles } from "./broker-files.ts";
import { nodeTimeoutMsOf } from "./broker-settings.ts";
import type { FileModel } from "./types.ts";

const files = (series: "3.10" | "4.0", rest: object = {}): FileModel[] =>
  brokerConfigFiles("bunny", brokerSchema.parse({ members: ["bunny1", "bunny2"], series, tls: false, ...rest }), 1000);

/** The content of a file, read back as terms: settings of applications. */
function termsOf(all: readonly FileModel[], path: string): Term {
  const parsed = parseTerms(all.find((file) => file.path === path)?.content ?? "");
  if (!parsed.ok || parsed.terms.length !== 1) throw new Error(JSON.stringify(parsed));
  return parsed.terms[0] ?? [];
}

/** One setting of an application, by its path of names. */
function valueAt(terms: Term, ...path: readonly string[]): Term | undefined {
  const [name, ...rest] = path;
  if (name === undefined) return terms;
  if (!Array.isArray(terms)) throw new Error(`no list where ${name} is looked for`);
  for (const one of terms as readonly Term[]) {
    if (typeof one !== "object" || !("tuple" in one)) continue;
    const [key, value] = one.tuple;
    if (typeof key === "object" && "atom" in key && key.atom === name && value !== undefined)
      return valueAt(value, ...rest);
  }
  return undefined;
}

const config = (rest: object = {}, ...path: readonly string[]) =>
  valueAt(termsOf(files("3.10", rest), "/etc/rabbitmq/rabbitmq.config"), ...path);
const conf = (rest: object = {}): string[] =>
  (files("4.0", rest).find((file) => file.path.endsWith(".conf"))?.content ?? "")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

/** The terms with which members detect a loss: 6 and 18 are Linux's TCP_USER_TIMEOUT, which counts from 200 ms after sending. */
function lossOf(timeoutMs: number, setupSeconds: number): Term {
  const options = [tuple(atom("raw"), 6, 18, nativeInteger(timeoutMs - 200))];
  return setting("kernel", [
    setting("inet_dist_connect_options", options),
    setting("inet_dist_listen_options", options),
    setting("net_setuptime", setupSeconds),
  ]);
}

/** The LDAP directory of the requirement. */
const ldap = {
  servers: ["ldap-dev.cmc.ec.gc.ca"],
  encryption: "none",
  first: "ldap",
  userDnPattern: `uid=\${username},ou=People,ou=depot,dc=ec,dc=gc,dc=ca`,
  authorization: "compatible",
};

const admin = { inGroup: "cn=admin,dc=ec,dc=gc,dc=ca" };
const either = (queue: unknown, exchange: unknown) => [
  { resource: "queue", query: queue },
  { resource: "exchange", query: exchange },
];
/** The same as a stack says it, but for its tags. */
const requiredLdap = {
  ...ldap,
  log: "compatible",
  vhostAccess: { inGroup: `ou=\${vhost}-users,ou=vhosts,dc=ec,dc=gc,dc=ca` },
  resourceAccess: {
    for: [
      { permission: "configure", query: admin },
      { permission: "write", query: { for: either(admin, true) } },
      { permission: "read", query: { for: either(true, admin).reverse() } },
    ],
  },
};

describe("the configuration of a 3.10 broker", () => {
  it("is one file of Erlang terms, which Erlang validates if it is installed", () => {
    const [file, ...others] = files("3.10");
    expect(others).toEqual([]);
    expect(file).toMatchObject({ path: "/etc/rabbitmq/rabbitmq.config", order: "before-packages", secret: false });
    expect(file).toMatchObject({ validator: "/usr/bin/erl", validate: expect.arrayContaining(["/usr/bin/erl"]) });
    expect(file?.validate?.join(" ")).toContain("file:consult");
  });

  it("has cluster, heartbeat, log and the administrator's definitions", () => {
    expect(config({}, "rabbit")).toEqual([
      setting("tcp_listeners", [tuple("127.0.0.1", 5672)]),
      setting("cluster_name", "bunny"),
      setting("cluster_formation", [setting("peer_discovery_backend", atom("rabbit_peer_discovery_classic_config"))]),
      setting("cluster_nodes", tuple([atom("rabbit@bunny1"), atom("rabbit@bunny2")], atom("disc"))),
      setting("cluster_partition_handling", atom("autoheal")),
      setting("cluster_keepalive_interval", 100),
      setting("frame_max", 32_768),
      setting("max_message_size", 16 * 1024 * 1024),
      setting("heartbeat", 10),
      setting("log", [setting("categories", [setting("connection", [setting("level", atom("error"))])])]),
      setting("load_definitions", "/etc/rabbitmq/warren-definitions.json"),
      setting("loopback_users", [binary("guest")]),
    ]);
    expect(config({}, "rabbitmq_management")).toEqual([
      setting("tcp_config", [setting("port", 15672), setting("ip", "0.0.0.0")]),
    ]);
  });

  it("accepts unencrypted AMQP on all addresses if configured", () => {
    expect(config({ plainText: true, port: 5673 }, "rabbit", "tcp_listeners")).toEqual([5673]);
  });

  it("has TLS 1.2 and 1.3 for AMQP and the management API, with one file for certificate and key", () => {
    const file = "/etc/rabbitmq/tls/server.pem";
    const certificate = [
      setting("certfile", file),
      setting("keyfile", file),
      setting("versions", [atom("tlsv1.3"), atom("tlsv1.2")]),
    ];
    const tls = { tls: true, management: { port: 15671 } };
    expect(config(tls, "rabbit", "ssl_listeners")).toEqual([5671]);
    expect(config(tls, "rabbit", "ssl_options")).toEqual([
      ...certificate,
      setting("verify", atom("verify_none")),
      setting("fail_if_no_peer_cert", false),
    ]);
    expect(config(tls, "rabbitmq_management")).toEqual([
      setting("ssl_config", [setting("port", 15671), setting("ip", "0.0.0.0"), ...certificate]),
    ]);
  });

  it("has management over HTTP beside HTTPS if configured, on the same address", () => {
    const both = { tls: true, management: { plainPort: 15_672, address: "10.0.0.1" } };
    const listener = (port: number) => [setting("port", port), setting("ip", "10.0.0.1")];
    const terms = config(both, "rabbitmq_management") as readonly Term[];
    expect(terms).toEqual([expect.anything(), setting("tcp_config", listener(15_672))]);
    expect(valueAt(terms, "ssl_config")).toEqual(expect.arrayContaining(listener(15_671)));
    expect(conf(both).filter((line) => /^management\.(ssl|tcp)\.(port|ip)/.test(line))).toEqual([
      "management.ssl.port = 15671",
      "management.ssl.ip = 10.0.0.1",
      "management.tcp.port = 15672",
      "management.tcp.ip = 10.0.0.1",
    ]);
  });

  it("has no cluster settings for a single broker, and no loopback users if there are none", () => {
    expect(config({ members: ["bunny1"] }, "rabbit", "cluster_nodes")).toBeUndefined();
    expect(config({ loopbackUsers: [] }, "rabbit", "loopback_users")).toEqual([]);
  });

  it("has each LDAP term of the requirement, with `log: compatible` and its tags; only the tag query differs without them", () => {
    const old = parseTerms(notesConfig);
    if (!old.ok) throw new Error(old.message);
    const [terms = []] = old.terms;
    const plugin = "rabbitmq_auth_backend_ldap";
    const required = valueAt(terms, plugin) as readonly { readonly tuple: readonly Term[] }[];
    const differing = (rest: object) => {
      const written = config({ ldap: { ...requiredLdap, ...rest } }, plugin) as readonly Term[];
      expect(written.length, "use_starttls, false, and timeout are ours").toBe(required.length + 2);
      return required.filter((term) => !written.some((one) => JSON.stringify(one) === JSON.stringify(term)));
    };
    expect(required).toHaveLength(9);
    expect(differing({ tags: { administrator: false, management: true } })).toEqual([]);
    expect(differing({})).toEqual([expect.objectContaining({ tuple: [atom("tag_queries"), expect.anything()] })]);
    const backends = ["rabbit", "auth_backends"];
    expect(config({ ldap: requiredLdap }, ...backends)).toEqual(valueAt(terms, ...backends));
  });
});

describe("`ldap.log: compatible`", () => {
  const old = { ldap: { ...ldap, log: "compatible" } };

  it("writes the old {log, true}, {network, true} on 3.10, and `network` writes neither", () => {
    const plugin = config(old, "rabbitmq_auth_backend_ldap");
    expect(plugin).toEqual(expect.arrayContaining([setting("log", true), setting("network", true)]));
    const network = config({ ldap: { ...ldap, log: "network" } }, "rabbitmq_auth_backend_ldap") as readonly Term[];
    expect(network).toContainEqual(setting("log", atom("network")));
    expect(valueAt(network, "network")).toBeUndefined();
  });

  it("writes both on 4.0, the second into advanced.config", () => {
    expect(conf(old)).toContain("auth_ldap.log = true");
    const terms = termsOf(files("4.0", old), "/etc/rabbitmq/advanced.config");
    expect(valueAt(terms, "rabbitmq_auth_backend_ldap", "network")).toBe(true);
  });
});

describe("the configuration of a 4.0 broker", () => {
  it("is rabbitmq.conf, validated by the broker's own parser", () => {
    const [file, ...others] = files("4.0");
    expect(others.map(({ path }) => path)).toEqual(["/etc/rabbitmq/advanced.config"]);
    expect(file).toMatchObject({ path: "/etc/rabbitmq/rabbitmq.conf", order: "before-packages" });
    expect(file?.validate?.join(" ")).toContain("cuttlefish_generator:map");
  });

  it("has every necessary line, and accepts no anonymous login", () => {
    expect(conf({ plainText: true })).toEqual([
      "listeners.tcp.default = 5672",
      "management.tcp.port = 15672",
      "management.tcp.ip = 0.0.0.0",
      "cluster_name = bunny",
      "cluster_formation.peer_discovery_backend = classic_config",
      "cluster_formation.classic_config.nodes.1 = rabbit@bunny1",
      "cluster_formation.classic_config.nodes.2 = rabbit@bunny2",
      "cluster_partition_handling = autoheal",
      "cluster_keepalive_interval = 100",
      "raft.adaptive_failure_detector.poll_interval = 250",
      "frame_max = 32768",
      "max_message_size = 16777216",
      "heartbeat = 10",
      "log.connection.level = error",
      "load_definitions = /etc/rabbitmq/warren-definitions.json",
      "loopback_users.guest = true",
      "auth_mechanisms.1 = PLAIN",
      "auth_mechanisms.2 = AMQPLAIN",
      "anonymous_login_user = none",
    ]);
  });

  it("gives clients' durable queues the type quorum if configured, which 3.10 can't", () => {
    expect(conf({ defaultQueueType: "quorum" })).toContain("default_queue_type = quorum");
    expect(conf().filter((line) => line.startsWith("default_queue_type"))).toEqual([]);
  });

  it("has unencrypted AMQP only for the host itself if TLS is on", () => {
    const lines = conf({ tls: true, tlsPort: 5671, management: { port: 15671, address: "10.0.0.1" } });
    expect(lines).toEqual(
      expect.arrayContaining([
        "listeners.tcp.1 = 127.0.0.1:5672",
        "listeners.ssl.default = 5671",
        "ssl_options.keyfile = /etc/rabbitmq/tls/server.pem",
        "ssl_options.versions.1 = tlsv1.3",
        "ssl_options.versions.2 = tlsv1.2",
        "ssl_options.verify = verify_none",
        "management.ssl.port = 15671",
        "management.ssl.ip = 10.0.0.1",
        "management.ssl.certfile = /etc/rabbitmq/tls/server.pem",
      ]),
    );
    expect(
      lines.filter((line) => line.startsWith("management.tcp") || line.startsWith("listeners.tcp.default")),
    ).toEqual([]);
  });

  it("has MQTT with TLS only, with WebSockets and without TLS as configured", () => {
    const lines = (broker: object) => conf(broker).filter((line) => /^(web_)?mqtt\./.test(line));
    const both = ["mqtt.exchange = xpublic", "mqtt.max_session_expiry_interval_seconds = 604800"];
    const tls = { tls: true, tlsPort: 5671, plainText: false };
    expect(lines(tls)).toEqual([]);
    const secure = ["mqtt.listeners.ssl.default = 8883", "mqtt.listeners.tcp = none", ...both];
    expect(lines({ ...tls, mqtt: {} })).toEqual(secure);
    const certificate = "/etc/rabbitmq/tls/server.pem";
    expect(lines({ ...tls, mqtt: { webPort: 443 } })).toEqual([
      ...secure,
      "web_mqtt.ssl.port = 443",
      `web_mqtt.ssl.certfile = ${certificate}`,
      `web_mqtt.ssl.keyfile = ${certificate}`,
      "web_mqtt.ssl.versions.1 = tlsv1.3",
      "web_mqtt.ssl.versions.2 = tlsv1.2",
      "web_mqtt.tcp.listener = none",
    ]);
    expect(lines({ plainText: true, mqtt: { webPort: 80, exchange: "cmc" }, outsiders: false })).toEqual([
      "mqtt.listeners.tcp.default = 1883",
      "mqtt.exchange = cmc",
      "web_mqtt.tcp.port = 80",
    ]);
  });

  it("has no loopback users, or each of them", () => {
    expect(conf({ loopbackUsers: [] })).toContain("loopback_users = none");
    expect(conf({ loopbackUsers: ["a.b", "c"] })).toEqual(
      expect.arrayContaining(["loopback_users.a\\.b = true", "loopback_users.c = true"]),
    );
  });

  it("has LDAP with verification of the server, and DNs as terms because `#` would start a comment", () => {
    const rest = {
      ldap: { ...ldap, first: "internal", encryption: "starttls", tags: { monitoring: { inGroup: "cn=#1,dc=ca" } } },
    };
    expect(conf(rest).filter((line) => line.startsWith("auth_"))).toEqual([
      "auth_mechanisms.1 = PLAIN",
      "auth_mechanisms.2 = AMQPLAIN",
      "auth_backends.1 = internal",
      "auth_backends.2.authn = ldap",
      "auth_backends.2.authz = internal",
      "auth_ldap.servers.1 = ldap-dev.cmc.ec.gc.ca",
      "auth_ldap.port = 389",
      "auth_ldap.use_ssl = false",
      "auth_ldap.use_starttls = true",
      "auth_ldap.ssl_options.cacertfile = /etc/warren/tls/ca.pem",
      "auth_ldap.ssl_options.verify = verify_peer",
      "auth_ldap.ssl_options.sni = ldap-dev.cmc.ec.gc.ca",
      "auth_ldap.ssl_options.versions.1 = tlsv1.3",
      "auth_ldap.ssl_options.versions.2 = tlsv1.2",
      "auth_ldap.timeout = 5000",
      "auth_ldap.log = true",
    ]);
    expect(termsOf(files("4.0", rest), "/etc/rabbitmq/advanced.config")).toEqual([
      setting("rabbitmq_auth_backend_ldap", [
        setting("user_dn_pattern", ldap.userDnPattern),
        setting("tag_queries", [
          setting("administrator", setting("constant", false)),
          setting("management", setting("constant", false)),
          setting("monitoring", setting("in_group", "cn=#1,dc=ca")),
        ]),
      ]),
      lossOf(1000, 1),
    ]);
  });

  it("does not check the name in a certificate for several servers or an address", () => {
    for (const servers of [["a", "b"], ["10.0.0.1"]]) {
      const lines = conf({
        ldap: { ...ldap, servers, encryption: "ldaps", caFile: "/etc/ssl/own.pem", verify: false },
      });
      expect(lines.join("\n")).not.toContain("ssl_options.sni");
      expect(lines).toEqual(
        expect.arrayContaining([
          "auth_ldap.port = 636",
          "auth_ldap.use_ssl = true",
          "auth_ldap.ssl_options.cacertfile = /etc/ssl/own.pem",
          "auth_ldap.ssl_options.verify = verify_none",
        ]),
      );
    }
  });

  it("asks the directory for the stack's LDAP users only, whatever their names contain, unless `authorization` is compatible", () => {
    const rest = {
      ldap: { ...ldap, first: "internal", authorization: "internal" },
      users: { "jo.x": { ldap: true }, michel: { ldap: true } },
    };
    const backends = [
      atom("rabbit_auth_backend_internal"),
      tuple(atom("rabbit_auth_backend_ldap"), [atom("rabbit_auth_backend_internal"), atom("rabbit_auth_backend_ldap")]),
    ];
    const query = tuple(atom("match"), setting("string", `\${username}`), setting("string", "^(jo\\.x|michel)$"));
    const newer = termsOf(files("4.0", rest), "/etc/rabbitmq/advanced.config");
    expect(valueAt(newer, "rabbit", "auth_backends")).toEqual(backends);
    expect(conf(rest).filter((line) => line.startsWith("auth_backends"))).toEqual([]);
    expect(valueAt(newer, "rabbitmq_auth_backend_ldap", "vhost_access_query")).toEqual(query);
    expect(config(rest, "rabbit", "auth_backends")).toEqual(backends);
    expect(config(rest, "rabbitmq_auth_backend_ldap", "vhost_access_query")).toEqual(query);
  });

  it("lets LDAP authorize its users if configured", () => {
    expect(conf({ ldap: { ...ldap, authorization: "ldap" } })).toContain("auth_backends.1 = ldap");
    expect(config({ ldap: { ...ldap, first: "internal", authorization: "ldap" } }, "rabbit", "auth_backends")).toEqual([
      atom("rabbit_auth_backend_internal"),
      atom("rabbit_auth_backend_ldap"),
    ]);
  });
});

describe("the loss of a member", () => {
  const loss = (series: "3.10" | "4.0", rest: object, timeoutMs: number) =>
    brokerConfigFiles(
      "bunny",
      brokerSchema.parse({ members: ["a", "b", "c"], series, tls: false, ...rest }),
      timeoutMs,
    );

  it("is detected in both formats by unacknowledged data, with a keepalive every tenth of that time", () => {
    const terms = termsOf(loss("3.10", {}, 8000), "/etc/rabbitmq/rabbitmq.config");
    expect(terms).toContainEqual(lossOf(8000, 7));
    expect(valueAt(terms, "rabbit", "cluster_keepalive_interval")).toBe(800);
    expect(termsOf(loss("4.0", {}, 8000), "/etc/rabbitmq/advanced.config")).toEqual([lossOf(8000, 7)]);
    const conf = loss("4.0", {}, 8000)[0]?.content;
    expect(conf).toMatch(/^cluster_keepalive_interval = 800$/m);
    expect(conf).toMatch(/^raft\.adaptive_failure_detector\.poll_interval = 2000$/m);
  });

  it("is no setting of a single broker, which has no advanced.config for it", () => {
    expect(loss("4.0", { members: ["a"] }, 750).map((file) => file.path)).toEqual(["/etc/rabbitmq/rabbitmq.conf"]);
    expect(loss("3.10", { members: ["a"] }, 750)[0]?.content).not.toMatch(/cluster_keepalive|kernel|raft/);
  });

  it.each([
    [{}, undefined, 1000],
    [{ virtualIp: "bunny-op" }, "metal", 1000],
    [{ virtualIp: "bunny-op" }, "migrating", 8000],
    [{ virtualIp: "bunny-op", nodeTimeoutMs: 2000 }, "migrating", 2000],
  ] as const)("with %j and timing %s takes %i ms", (rest, timing, expected) => {
    const vip = { address: "10.0.0.9", interface: "eth0", routerId: 1, priorities: { a: 2, b: 1 } };
    const vips = virtualIpsSchema.parse(timing ? { "bunny-op": { ...vip, timing } } : {});
    const broker = brokerSchema.parse({ members: ["a", "b", "c"], series: "4.0", ...rest });
    expect(nodeTimeoutMsOf(vips, broker)).toBe(expected);
  });
});
