import type { Chapter, Proof } from "./trace.ts";

const brokers = "tests/acceptance/installation.ts";
const permissions = "infra/model/permissions.test.ts";
const declared = "infra/resources/declare.test.ts";
const model = "infra/model/model.test.ts";
const access = "infra/checks/access-cases.ts";
const rows = "infra/checks/cases.ts";

const readBack = "infra/model/broker-files.broker.test.ts";

const users: Proof = [
  brokers,
  "has user root with the administrator tag, and feeder, anonymous and guest without tags",
];
const passwords: Proof = [brokers, "accepts the config's password for every user, and not the default one for guest"];
const granted: Proof = [brokers, "has the permissions of the stack's setting, and none for guest"];
const cluster: Proof = [brokers, "is one cluster: cluster_status lists every member as running, with no partition"];
const compared: Proof = [
  "tests/acceptance/drift.ts",
  "is reported by the preview with host or cluster, thing and difference, and nothing else would change",
];

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is how RabbitMQ writes it
/** The requirement's chapters on installation and cluster. */
export const installationChapters: readonly Chapter[] = [
  {
    title: "RABBITMQ-SERVER installation",
    lines: [
      {
        line: "apt-get install erlang-nox",
        does: "the package brings the Erlang of its Debian release",
        proofs: [[brokers, "has the series' package, held, and Erlang on every member"]],
      },
      {
        line: "dpkg -i /tmp/rabbitmq-server_3.3.5-1_all.deb",
        does: "Debian's own package, its series pinned and held: 3.10 on Debian 12, 4.0 on Debian 13",
        proofs: [
          [brokers, "has the series' package, held, and Erlang on every member"],
          [model, "has its package pinned to the held series"],
        ],
      },
      {
        line: "rabbitmqctl add_user anonymous *********",
        does: "made with the password under `warren:secrets`, by the management API",
        proofs: [users, passwords],
      },
      {
        line: 'set_permissions -p / anonymous "^xpublic|^amq.gen.*$|^cmc.*$" "^amq.gen.*$|^cmc.*$" "^xpublic|^amq.gen.*$|^cmc.*$"',
        does: "`permissions: compatible` is this, byte for byte; with `safe`, the default, anonymous may not write to anything shared",
        proofs: [
          [permissions, "are the old expressions, byte for byte"],
          granted,
          [brokers, "may publish to cmc with the old permissions, and is refused with the safe ones"],
          [brokers, "receives messages published to xpublic in a queue that the broker named"],
        ],
      },
      {
        line: "rabbitmqctl list_user_permissions anonymous",
        does: "compared at every preview",
        proofs: [granted, compared],
      },
      { line: "rabbitmqctl add_user feeder ********", does: "the same as for anonymous", proofs: [users, passwords] },
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
        does: "no tag, and no permission either, unless `users.guest.permissions: all` leaves them",
        proofs: [
          users,
          [
            readBack,
            "guest with `permissions: all` and without a tag uses the broker from its own host, and not the management API",
          ],
          [declared, "leave guest without permissions and without a tag"],
          [access, "guest with a tag"],
        ],
      },
      { line: "rabbitmqctl list_user_permissions guest", does: "there are none to list", proofs: [granted] },
      {
        line: "rabbitmqctl change_password guest *************",
        does: "a password from the stack; guest can't log in from other hosts at all",
        proofs: [passwords, [brokers, "refuses guest from another host, even with the right password"]],
      },
      { line: "rabbitmqctl list_users", does: "compared at every preview", proofs: [users, compared] },
      {
        line: "rabbitmq-plugins enable rabbitmq_management",
        does: "in `enabled_plugins` before the first start; it listens where `management` says",
        proofs: [
          [brokers, "has the management plugin enabled, and each member's API answers with all members"],
          [readBack, "management answers over HTTP and HTTPS at once"],
        ],
      },
      {
        line: "/etc/init.d/rabbitmq-server restart",
        does: "only if a file that the broker reads has changed; one member at a time",
        proofs: [["infra/resources/host-steps.test.ts", "starts brokers one after the other"]],
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
            "writes files that the broker's first start reads before its package, and files that a package validates after it",
          ],
        ],
      },
      {
        line: "/var/lib/rabbitmq/.erlang.cookie same on all nodes",
        does: "from the stack's secrets, mode 0400",
        proofs: [[brokers, "has the config's cookie on all members, readable only by the broker"]],
      },
      {
        line: "on each node restart /etc/init.d/rabbitmq-server stop/start",
        does: "members start one at a time",
        proofs: [["infra/resources/host-steps.test.ts", "starts brokers one after the other"]],
      },
      {
        line: 'rabbitmqctl stop_app; join_cluster rabbit@"other node"; start_app',
        does: "members join by themselves at their first start, otherwise by these commands; the first member starts the cluster",
        proofs: [
          [
            "infra/resources/host-steps.test.ts",
            "lets the first member form the cluster, and the others join one after the other",
          ],
          cluster,
          [
            "tests/acceptance/drift-of-members.ts",
            "is found and repaired: a member has left, an exchange has another type, no host holds the virtual IP",
          ],
        ],
      },
      { line: "rabbitmqctl cluster_status", does: "asked of every member", proofs: [cluster] },
      {
        line: 'rabbitmqctl set_policy ha-all "^cmc\\." \'{"ha-mode":"all"}\'',
        does: "on 3.10, with automatic synchronisation; 4.0 ignores this policy, so it gets quorum queues instead",
        proofs: [
          [brokers, "has every queue cmc.* on all members: mirrored by ha-all, or a quorum queue"],
          [rows, "the requirement's policy on 4.0"],
        ],
      },
    ],
  },
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
