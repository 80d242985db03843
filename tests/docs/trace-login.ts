import type { Chapter, Proof } from "./trace.ts";

const rendered = "infra/model/broker-files.test.ts";
const model = "infra/model/model.test.ts";
const directory = "tests/acceptance/ldap.ts";
const access = "infra/checks/access-cases.ts";
const rows = "infra/checks/cases.ts";

const readBack = "infra/model/broker-files.broker.test.ts";
const vrrp = "infra/model/keepalived.lab.test.ts";

const besideOld: Proof = [
  vrrp,
  "with `vrrp2` the old text and ours share an address: one holds it, and priority, preempt_delay and a lost interface move it",
];
const oldLdap: Proof = [
  rendered,
  "has each LDAP term of the requirement, with `log: compatible` and its tags; only the tag query differs without them",
];

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is how RabbitMQ writes it
/** The requirement's chapter on LDAP. */
export const loginChapters: readonly Chapter[] = [
  {
    title: "RABBITMQ-SERVER ldap installation",
    lines: [
      {
        line: "rabbitmq-plugins enable rabbitmq_auth_backend_ldap",
        does: "enabled if the broker has `ldap`",
        proofs: [[directory, "LDAP user, right password"]],
      },
      {
        line: "rabbitmqctl add_user username aaa; clear_password username",
        does: "a user with `ldap: true` has no password in the broker, and none is ever set for it",
        proofs: [
          [directory, "stores no password of an LDAP user, and logs why it refuses a wrong one"],
          [
            "infra/plugins/rabbitmq/users.broker.test.ts",
            "without a password can't log in and has no drift; a password that somebody set is removed",
          ],
        ],
      },
      {
        line: 'set_permissions -p / username "^xpublic|^amq.gen.*$|^cmc.*$" …',
        does: "`permissions: compatible` of the user under `users`, or its own expressions",
        proofs: [
          [directory, "lets an LDAP user do what its permissions in the broker allow, and nothing else"],
          [readBack, "gives a user with `permissions: compatible` the old rights: cmc… and xpublic…, and nothing else"],
          [
            "infra/model/permissions.test.ts",
            "may be the old expressions for an LDAP user with `permissions: compatible`, whatever anonymous has",
          ],
        ],
      },
      {
        line: "{auth_backends, [{rabbit_auth_backend_ldap, rabbit_auth_backend_internal}, rabbit_auth_backend_internal]}",
        does: "LDAP checks the password, and the broker's own permissions apply; the broker checks its own users first; `first: ldap` restores the old order, and `authorization: compatible` the old terms",
        proofs: [
          [directory, "internal user, right password"],
          [directory, "in the clear, LDAP first: the old text"],
          [
            directory,
            "still accepts internal users while LDAP is down, refuses LDAP users, logs why, and accepts them again when it is up",
          ],
          oldLdap,
        ],
      },
      {
        line: '{servers, ["ldap-dev.cmc.ec.gc.ca"]}',
        does: "`ldap.servers`, tried in order",
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
          [rendered, "has LDAP with verification of the server, and DNs as terms because `#` would start a comment"],
          [access, "`encryption: none`"],
        ],
      },
      {
        line: "{log, true}; {network, true}",
        does: "`ldap.log: compatible` writes both; RabbitMQ ignores the second, and `network` logs the traffic",
        proofs: [
          oldLdap,
          [
            readBack,
            "the broker starts with {log, true} and {network, true} as they were, and authenticates its own users",
          ],
        ],
      },
      {
        line: '{vhost_access_query, {in_group, "ou=${vhost}-users,ou=vhosts,dc=ec,dc=gc,dc=ca"}}',
        does: "`ldap.vhostAccess`; RabbitMQ never asked this query, and a check says so",
        proofs: [oldLdap, [access, "the requirement's `vhost_access_query`, with `authorization: internal`"]],
      },
      {
        line: "{resource_access_query, {for, [{permission, configure, …}, {permission, write, …}, {permission, read, …}]}}",
        does: "`ldap.resourceAccess`, likewise; it applies with `authorization: ldap`",
        proofs: [
          [directory, "uses LDAP for authorization if the config says so"],
          oldLdap,
          [rendered, "lets LDAP authorize its users if configured"],
        ],
      },
      {
        line: "{tag_queries, [{administrator, {constant, false}}, {management, {constant, true}}]}",
        does: "`ldap.tags`; LDAP gives a tag only if this says so, and a check warns about `true`",
        proofs: [
          [directory, "management API, `tags: {management: true}`"],
          [directory, "management API, LDAP user without tags"],
          oldLdap,
          [access, "the requirement's `tag_queries`"],
        ],
      },
    ],
  },
];

/** The requirement's configuration of keepalived. */
export const virtualIpChapters: readonly Chapter[] = [
  {
    title: "BUNNY-OP: the virtual IP",
    lines: [
      {
        line: "vip bunny-op 142.135.12.59 port 5672",
        does: "`virtualIps.bunny-op`; agents find the broker there",
        proofs: [[model, "connect announcers and pullers to the virtual IP"]],
      },
      {
        line: 'vrrp_script chk_rabbitmq { script "killall -0 rabbitmq-server"; interval 2 }',
        does: "an AMQP handshake every second: no process has that name, the broker's is beam.smp",
        proofs: [["templates/programs.test.ts", "sends the AMQP 0-9-1 header, and succeeds with a method frame"]],
      },
      {
        line: "state BACKUP; interface eth0; virtual_router_id 247",
        does: "the same, by `interface` and `routerId`",
        proofs: [besideOld, [rows, "router id 247 twice on eth0"]],
      },
      {
        line: "priority 150",
        does: "one for each host: 150 on both is a tie, and a check refuses it",
        proofs: [[rows, "both hosts at 150, as in the requirement"]],
      },
      {
        line: "track_interface { eth0 }; advert_int 1; preempt_delay 5",
        does: "a cut link or a lost host moves the address; `timing` sets how fast; `preemptDelaySeconds` is 5",
        proofs: [
          besideOld,
          ["tests/acceptance/virtual-ip-moves.ts", "works again within seconds of: $title"],
          [
            "tests/acceptance/virtual-ip.ts",
            "is noticed by the other host's dispatcher within a second of its move, and returns",
          ],
        ],
      },
      {
        line: "authentication { auth_type PASS; auth_pass bunop }",
        does: "`vrrp2: { authPass: bunop }`; by default VRRP version 3, which has none, and adverts only from the hosts' own addresses",
        proofs: [
          besideOld,
          [vrrp, "without `vrrp2` both hold the address, because neither version hears the other"],
          [vrrp, "another password is refused, so both hold the address"],
          [
            "infra/model/keepalived.test.ts",
            "accepts adverts only from its own hosts, without the password that VRRP sends unencrypted",
          ],
        ],
      },
      {
        line: "virtual_ipaddress { 142.135.12.59 dev eth0 }",
        does: "the same, by `address`, `prefixLength` and `interface`",
        proofs: [
          [
            "tests/acceptance/virtual-ip.ts",
            "is noticed by the other host's dispatcher within a second of its move, and returns",
          ],
        ],
      },
      {
        line: "also applies to dev...",
        does: "stacks `op` and `dev` name one base",
        proofs: [
          ["infra/config/base.test.ts", "differ only in addresses, names, router id, the URL of DD, and the login key"],
        ],
      },
    ],
  },
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
