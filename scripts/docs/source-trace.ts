/** What shows that warren does it: a test file of the checkout, and the title of a test in it. */
export type Proof = readonly [file: string, title: string];

/** One line of the requirement. */
export interface Trace {
  /** As it is written there. */
  readonly line: string;
  readonly does: string;
  /** Empty: nothing shows it yet, and the table says so. */
  readonly proofs: readonly Proof[];
}

export interface Chapter {
  readonly title: string;
  readonly lines: readonly Trace[];
}

const brokers = "scripts/lab/acceptance/installation.ts";
const rendered = "infra/model/broker-files.test.ts";
const permissions = "infra/model/permissions.test.ts";
const declared = "infra/resources/declare.test.ts";
const model = "infra/model/model.test.ts";
const directory = "scripts/lab/acceptance/ldap.ts";
const access = "infra/checks/access-cases.ts";
const rows = "infra/checks/cases.ts";

const users: Proof = [brokers, "has users root with the administrator's tag, feeder, anonymous, and guest without any"];
const passwords: Proof = [brokers, "takes the passwords of the config from every user, and guest's own no more"];
const granted: Proof = [brokers, "has permissions as the stack's setting writes them, and none for guest"];
const cluster: Proof = [
  brokers,
  "is one cluster of which cluster_status names every member as running, with no partition",
];
const compared: Proof = [
  "scripts/lab/acceptance/drift.ts",
  "is named by the preview with host or cluster, thing and difference, and nothing else would be changed",
];
const oldLdap: Proof = [
  rendered,
  "says of LDAP what the old text says, but that nobody gets the management tag from it",
];

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is how RabbitMQ writes it
/** Every command and setting of the requirement's chapters on installation, cluster and LDAP, and its virtual IP. */
export const chapters: readonly Chapter[] = [
  {
    title: "RABBITMQ-SERVER installation",
    lines: [
      {
        line: "apt-get install erlang-nox",
        does: "the package brings the Erlang of its Debian release",
        proofs: [[brokers, "has the series' package and Erlang on every member, held"]],
      },
      {
        line: "dpkg -i /tmp/rabbitmq-server_3.3.5-1_all.deb",
        does: "Debian's own package, its series pinned and held: 3.10 on Debian 12, 4.0 on Debian 13",
        proofs: [
          [brokers, "has the series' package and Erlang on every member, held"],
          [model, "has its package pinned by apt to the series that is held"],
        ],
      },
      {
        line: "rabbitmqctl add_user anonymous *********",
        does: "made with the password under `warren:secrets`, by the management API",
        proofs: [users, passwords],
      },
      {
        line: 'set_permissions -p / anonymous "^xpublic|^amq.gen.*$|^cmc.*$" "^amq.gen.*$|^cmc.*$" "^xpublic|^amq.gen.*$|^cmc.*$"',
        does: "`permissions: compatible` to the letter; `safe`, the default, lets anonymous write nothing that is shared",
        proofs: [
          [permissions, "are the old expressions, byte for byte"],
          granted,
          [brokers, "publishes to cmc where the old permissions are, and is refused where the safe ones are"],
          [brokers, "hears what is published to xpublic, in a queue that the broker named"],
        ],
      },
      {
        line: "rabbitmqctl list_user_permissions anonymous",
        does: "compared at every preview",
        proofs: [granted, compared],
      },
      { line: "rabbitmqctl add_user feeder ********", does: "as anonymous", proofs: [users, passwords] },
      { line: 'set_permissions -p / feeder ".*" ".*" ".*"', does: "the same in both settings", proofs: [granted] },
      {
        line: "rabbitmqctl list_user_permissions feeder",
        does: "compared at every preview",
        proofs: [granted, compared],
      },
      {
        line: "rabbitmqctl add_user root *********",
        does: "the administrator, from the definitions that the first start reads",
        proofs: [
          users,
          [model, "has its administrator's password as RabbitMQ hashes it: base64(salt4 || sha256(salt4 || password))"],
        ],
      },
      { line: "rabbitmqctl set_user_tags root administrator", does: "in the same definitions", proofs: [users] },
      {
        line: "rabbitmqctl set_user_tags guest",
        does: "no tag, and no permission either",
        proofs: [users, [declared, "leave guest without permissions and without a tag"], [access, "guest with a tag"]],
      },
      { line: "rabbitmqctl list_user_permissions guest", does: "there are none to list", proofs: [granted] },
      {
        line: "rabbitmqctl change_password guest *************",
        does: "a password of the stack's; from other hosts guest can't log in at all",
        proofs: [passwords, [brokers, "refuses guest from another host, with the right password too"]],
      },
      { line: "rabbitmqctl list_users", does: "compared at every preview", proofs: [users, compared] },
      {
        line: "rabbitmq-plugins enable rabbitmq_management",
        does: "in `enabled_plugins` before the first start; it listens where `management` says",
        proofs: [[brokers, "has the management plugin enabled and answering on every member"]],
      },
      {
        line: "/etc/init.d/rabbitmq-server restart",
        does: "once, where a file that the broker reads has changed; members take turns",
        proofs: [["infra/resources/host-steps.test.ts", "lets brokers start one after the other"]],
      },
    ],
  },
  {
    title: "RABBITMQ-SERVER cluster installation",
    lines: [
      {
        line: "Stop rabbitmq-server on all nodes....",
        does: "not needed: cookie and configuration are there before the package starts its first node",
        proofs: [
          [
            "infra/resources/host-steps.test.ts",
            "writes what the broker's first start reads before its package, and what the package judges after it",
          ],
        ],
      },
      {
        line: "/var/lib/rabbitmq/.erlang.cookie same on all nodes",
        does: "that of the stack's secrets, mode 0400",
        proofs: [[brokers, "has one cookie on all members, that of the config, for nobody's eyes but the broker's"]],
      },
      {
        line: "on each node restart /etc/init.d/rabbitmq-server stop/start",
        does: "members start one after the other",
        proofs: [["infra/resources/host-steps.test.ts", "lets brokers start one after the other"]],
      },
      {
        line: 'rabbitmqctl stop_app; join_cluster rabbit@"other node"; start_app',
        does: "by themselves at their first start, else by these commands; the first member begins",
        proofs: [
          [
            "infra/resources/host-steps.test.ts",
            "lets the first member begin the cluster, and the others join it one after the other",
          ],
          cluster,
          [
            "scripts/lab/acceptance/drift.ts",
            "is found and repaired where a member has left, an exchange is another, and nobody holds the virtual IP",
          ],
        ],
      },
      { line: "rabbitmqctl cluster_status", does: "asked of every member", proofs: [cluster] },
      {
        line: 'rabbitmqctl set_policy ha-all "^cmc\\." \'{"ha-mode":"all"}\'',
        does: "on 3.10, with mirrors that synchronise by themselves; on 4.0, which ignores it, quorum queues in its place",
        proofs: [
          [brokers, "has every queue whose name begins with cmc. on all members: mirrored by ha-all, or quorum queues"],
          [rows, "the requirement's policy on 4.0"],
        ],
      },
    ],
  },
  {
    title: "RABBITMQ-SERVER ldap installation",
    lines: [
      {
        line: "rabbitmq-plugins enable rabbitmq_auth_backend_ldap",
        does: "where a broker has `ldap`",
        proofs: [[directory, "LDAP user, right password"]],
      },
      {
        line: "rabbitmqctl add_user username aaa; clear_password username",
        does: "a user with `ldap: true` has no password in the broker, and none is ever set for it",
        proofs: [
          [directory, "keeps no password of an LDAP user, and says why it refuses a wrong one"],
          [
            "infra/plugins/rabbitmq/users.broker.test.ts",
            "without a password can't log in, has no drift, and is given none back where somebody gave one",
          ],
        ],
      },
      {
        line: 'set_permissions -p / username "^xpublic|^amq.gen.*$|^cmc.*$" …',
        does: "`permissions` of the user under `users`",
        proofs: [[directory, "LDAP user, right password"]],
      },
      {
        line: "{auth_backends, [{rabbit_auth_backend_ldap, rabbit_auth_backend_internal}, rabbit_auth_backend_internal]}",
        does: "LDAP checks the password, the broker's own permissions count; users with a password of the broker's are asked there first; `first: ldap` is the old order",
        proofs: [
          [directory, "internal user, right password"],
          [directory, "in the clear, LDAP first: the old text"],
          [
            directory,
            "goes on with internal users while LDAP is down, refuses LDAP users, logs why, and takes them again when it is up",
          ],
          oldLdap,
        ],
      },
      {
        line: '{servers, ["ldap-dev.cmc.ec.gc.ca"]}',
        does: "`ldap.servers`, tried in turn",
        proofs: [[directory, "two servers, the first one unknown"], oldLdap],
      },
      {
        line: '{user_dn_pattern, "uid=${username},ou=People,ou=depot,dc=ec,dc=gc,dc=ca"}',
        does: "`ldap.userDnPattern`",
        proofs: [[directory, "LDAP user, wrong password"], oldLdap],
      },
      {
        line: "{use_ssl, false}; {port, 389}",
        does: "`ldap.encryption: none`, with a warning; StartTLS, verified, is the default",
        proofs: [
          [directory, "StartTLS, verified"],
          [directory, "LDAPS, verified"],
          oldLdap,
          [
            rendered,
            "has LDAP with its certificate expected to be the server's own, and in terms what could be misread as a remark",
          ],
          [access, "`encryption: none`"],
        ],
      },
      { line: "{log, true}; {network, true}", does: "`ldap.log`: off, on, or network", proofs: [oldLdap] },
      {
        line: '{vhost_access_query, {in_group, "ou=${vhost}-users,ou=vhosts,dc=ec,dc=gc,dc=ca"}}',
        does: "`ldap.vhostAccess`; it was never asked, which a check says",
        proofs: [oldLdap, [access, "the requirement's `vhost_access_query`"]],
      },
      {
        line: "{resource_access_query, {for, [{permission, configure, …}, {permission, write, …}, {permission, read, …}]}}",
        does: "`ldap.resourceAccess`, likewise; with `authorization: ldap` it counts",
        proofs: [
          [directory, "lets LDAP say what its users may do where the config has it so"],
          oldLdap,
          [rendered, "leaves to LDAP what its users may do where the config says so"],
        ],
      },
      {
        line: "{tag_queries, [{administrator, {constant, false}}, {management, {constant, true}}]}",
        does: "`ldap.tags`; nobody gets a tag by LDAP unless it says so, and a check warns of `true`",
        proofs: [
          [directory, "management API, `tags: {management: true}`"],
          [directory, "management API, LDAP user without tags"],
          oldLdap,
          [access, "the requirement's `tag_queries`"],
        ],
      },
    ],
  },
  {
    title: "BUNNY-OP: the virtual IP",
    lines: [
      {
        line: "vip bunny-op 142.135.12.59 port 5672",
        does: "`virtualIps.bunny-op`; agents find the broker there",
        proofs: [[model, "lead announcers and pullers to the virtual IP"]],
      },
      {
        line: 'vrrp_script chk_rabbitmq { script "killall -0 rabbitmq-server"; interval 2 }',
        does: "an AMQP handshake each second: that process is never there, the broker's is called beam.smp",
        proofs: [["templates/programs.test.ts", "sends the header of AMQP 0-9-1, and is content with a method frame"]],
      },
      {
        line: "state BACKUP; interface eth0; virtual_router_id 247",
        does: "the same, by `interface` and `routerId`",
        proofs: [[rows, "247 twice on eth0"]],
      },
      {
        line: "priority 150",
        does: "one a host: 150 on both is a tie, which a check refuses",
        proofs: [[rows, "both at 150, as in the requirement"]],
      },
      {
        line: "track_interface { eth0 }; advert_int 1; preempt_delay 5",
        does: "a cut link or a lost host moves the address; `timing` says how fast",
        proofs: [
          ["scripts/lab/acceptance/virtual-ip-moves.ts", "goes on within seconds of: $title"],
          [
            "scripts/lab/acceptance/virtual-ip.ts",
            "is seen by the other host's dispatcher within a second of its move, and comes back",
          ],
        ],
      },
      {
        line: "authentication { auth_type PASS; auth_pass bunop }",
        does: "left out: VRRP version 3 has none; adverts count from the hosts' own addresses alone",
        proofs: [[model, "takes adverts of its own hosts alone, without the password that VRRP sends in the clear"]],
      },
      {
        line: "virtual_ipaddress { 142.135.12.59 dev eth0 }",
        does: "the same, by `address`, `prefixLength` and `interface`",
        proofs: [
          [
            "scripts/lab/acceptance/virtual-ip.ts",
            "is seen by the other host's dispatcher within a second of its move, and comes back",
          ],
        ],
      },
      {
        line: "also applies to dev...",
        does: "stacks `op` and `dev` name one base",
        proofs: [
          [
            "infra/config/base.test.ts",
            "differ in addresses, the virtual IP's name and router id, and the login's key; in nothing else",
          ],
        ],
      },
    ],
  },
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
