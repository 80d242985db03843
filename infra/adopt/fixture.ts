import { section } from "../commands/sections.ts";

/** The installation notes' `rabbitmq.config`, verbatim. */
export const notesConfig = `[
{rabbit, [{auth_backends, [ {rabbit_auth_backend_ldap,rabbit_auth_backend_internal}, rabbit_auth_backend_internal]}]},
{rabbitmq_auth_backend_ldap,
    [ 
    {servers,               ["ldap-dev.cmc.ec.gc.ca"]},
    {user_dn_pattern,       "uid=\${username},ou=People,ou=depot,dc=ec,dc=gc,dc=ca"},
    {use_ssl,               false},
    {port,                  389},
    {log,                   true},
    {network,               true},
    {vhost_access_query,    {in_group,
                            "ou=\${vhost}-users,ou=vhosts,dc=ec,dc=gc,dc=ca"}},
    {resource_access_query,
    {for, [{permission, configure, {in_group, "cn=admin,dc=ec,dc=gc,dc=ca"}},
            {permission, write,
            {for, [{resource, queue,    {in_group, "cn=admin,dc=ec,dc=gc,dc=ca"}},
                    {resource, exchange, {constant, true}}]}},
            {permission, read,
            {for, [{resource, exchange, {in_group, "cn=admin,dc=ec,dc=gc,dc=ca"}},
                    {resource, queue,    {constant, true}}]}}
            ]
    }},
    {tag_queries,           [{administrator, {constant, false}},
                            {management,    {constant, true}}]}
    ]
}
].
`;

/** The notes' keepalived.conf, verbatim; its first line is prose. */
export const notesKeepalived = `vip bunny-op 142.135.12.59 port 5672

vrrp_script chk_rabbitmq {
        script "killall -0 rabbitmq-server"
        interval 2
}

vrrp_instance bunny-op {
        state BACKUP
        interface eth0
        virtual_router_id 247
        priority 150
        track_interface { 
                eth0 
        }
        advert_int 1
        preempt_delay 5
        authentication {
                auth_type PASS
                auth_pass bunop
        }
        virtual_ipaddress {
# bunny-op
                142.135.12.59 dev eth0
        }
        track_script {
                chk_rabbitmq
        }
}
`;

/** base64(salt4 || sha256(salt4 || "feeder-password")), as a broker stores it. */
const feederHash = "AAECAx3e/L6mcfAx874zq3o8MIW0zr7DAJUet93LoyQEf3IF";

const sha256 = "rabbit_password_hashing_sha256";
const old = {
  configure: "^xpublic|^amq.gen.*$|^cmc.*$",
  write: "^amq.gen.*$|^cmc.*$",
  read: "^xpublic|^amq.gen.*$|^cmc.*$",
};
const all = { configure: ".*", write: ".*", read: ".*" };

/** The definitions of the notes' broker, with an administrator whose password is the feeder's. */
export const notesDefinitions = {
  rabbitmq_version: "3.10.8",
  users: [
    { name: "root", password_hash: feederHash, hashing_algorithm: sha256, tags: ["administrator"], limits: {} },
    { name: "feeder", password_hash: feederHash, hashing_algorithm: sha256, tags: [], limits: {} },
    { name: "username", password_hash: "", hashing_algorithm: sha256, tags: [], limits: {} },
  ],
  vhosts: [{ name: "/", limits: [] }],
  permissions: [
    { user: "feeder", vhost: "/", ...all },
    { user: "username", vhost: "/", ...old },
  ],
  topic_permissions: [],
  parameters: [],
  global_parameters: [{ name: "cluster_name", value: "bunny" }],
  policies: [
    {
      vhost: "/",
      name: "ha-all",
      pattern: "^cmc\\.",
      "apply-to": "all",
      definition: { "ha-mode": "all" },
      priority: 0,
    },
  ],
  queues: [{ name: "cmc.wxo", vhost: "/", durable: true, auto_delete: false, arguments: {} }],
  exchanges: [
    { name: "cmc", vhost: "/", type: "topic", durable: true, auto_delete: false, internal: false, arguments: {} },
  ],
  bindings: [
    {
      source: "cmc",
      vhost: "/",
      destination: "cmc.wxo",
      destination_type: "queue",
      routing_key: "exp.dd.notify.#",
      arguments: {},
    },
  ],
};

export interface Answering {
  readonly host: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly nodes?: readonly string[];
  readonly definitions?: object;
  readonly packages?: readonly string[];
  readonly broker?: string;
  readonly keepalived?: string;
  readonly listeners?: readonly object[];
  readonly release?: string;
}

/** A host's answer to `question`: that of the notes' bunny1, with the given changes. */
export function answerOf(answering: Answering): string {
  const { host, nodes = ["rabbit@bunny1", "rabbit@bunny2"], definitions = notesDefinitions } = answering;
  const files = {
    "/etc/rabbitmq/rabbitmq.config": notesConfig,
    "/etc/rabbitmq/enabled_plugins": "[rabbitmq_auth_backend_ldap,rabbitmq_management].\n",
    "/etc/keepalived/keepalived.conf": notesKeepalived,
    "/var/lib/rabbitmq/.erlang.cookie": "COOKIEOFTHENOTESANDNOTHINGELSE",
    ...answering.files,
  };
  const listeners = answering.listeners ?? [
    { interface: "[::]", port: 15672, protocol: "http" },
    { interface: "[::]", port: 25672, protocol: "clustering" },
    { interface: "[::]", port: 5672, protocol: "amqp" },
  ];
  const status = {
    cluster_name: "bunny",
    disk_nodes: nodes,
    ram_nodes: [],
    running_nodes: nodes,
    listeners: { [`rabbit@${host}`]: listeners },
  };
  const packages = answering.packages ?? ["keepalived 1:2.2.7-1+b2", "rabbitmq-server 3.10.8-1.1+deb12u1"];
  const blocks: [string, string][] = [
    ["host", host],
    ["release", `ID=debian\nVERSION_CODENAME=${answering.release ?? "bookworm"}`],
    [
      "addresses",
      "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 142.135.12.57/24 brd 142.135.12.255 scope global eth0",
    ],
    ["packages", packages.map((one) => `${one} install installed`).join("\n")],
    ["units", `${unit("rabbitmq-server", answering.broker)}\n\n${unit("keepalived", answering.keepalived)}`],
    [
      "stat",
      Object.entries(files)
        .map(([path, text]) => `644 root root ${text.length} ${path}`)
        .join("\n"),
    ],
    ["names", ""],
    ...Object.entries(files).map(([path, text]): [string, string] => [
      `file ${path}`,
      Buffer.from(text).toString("base64"),
    ]),
    ["definitions", `{erl_prim_loader,file_error}\n${JSON.stringify(definitions)}`],
    ["cluster", JSON.stringify(status)],
    ["end", ""],
  ];
  return blocks.map(([name, text]) => `\n${section(name)}\n${text}\n`).join("");
}

const unit = (service: string, state = "active enabled"): string => {
  const [active, file] = state.split(" ");
  return `Id=${service}.service\nActiveState=${active}\nUnitFileState=${file}`;
};
