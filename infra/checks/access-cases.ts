import type { BrokerConfig } from "../config/brokers.ts";
import { monitorSchema } from "../config/monitor.ts";
import { broker, ldap, monitored, permissions, type RuleCases, sound, user, withPassword } from "./fixture.ts";

const own = (configure: string, write = "", read = "") =>
  withPassword("peter", user("peter", permissions(configure, write, read)));

const withLdapUser = (change: Partial<BrokerConfig["users"][string]>) => {
  const config = ldap({});
  const { bunny } = config.brokers;
  const users = { peter: { tags: [], ldap: true, ...change } };
  return bunny ? { ...config, brokers: { bunny: { ...bunny, users } } } : config;
};

const managed = (change: Partial<BrokerConfig["management"]>) =>
  broker({ management: { port: 15_671, address: "0.0.0.0", from: ["142.135.12.0/24"], ...change } });

const group = { inGroup: "ou=/-users,ou=vhosts,dc=ec,dc=gc,dc=ca" };

const deadManUrl = "http://second.example.org/";
const mail = monitorSchema.parse({ receivers: { mail: { smarthost: "mail:25", from: "w@x.ca", to: ["o@x.ca"] } } });

/** Rules about permissions, about ports and protocols open to the network, and about who is notified. */
export const accessCases: readonly RuleCases[] = [
  {
    rule: "monitor-without-receiver",
    fires: [{ on: "a monitor without receivers", config: monitored({ deadManUrl }) }],
    quiet: [
      { on: "a webhook", config: sound },
      { on: "mail", config: { ...monitored({ deadManUrl }), monitor: mail } },
      { on: "no monitor", config: monitored({}, 0) },
    ],
  },
  {
    rule: "unwatched-monitor",
    fires: [{ on: "no `deadManUrl`", config: monitored({ webhookUrl: "http://alerts.example.org/" }) }],
    quiet: [
      { on: "a `deadManUrl`", config: sound },
      { on: "no monitor", config: monitored({}, 0) },
    ],
  },
  {
    rule: "anonymous-writes-shared",
    fires: [
      { on: "anonymous may write `^cmc$`", config: user("anonymous", permissions("", "^cmc$", "")) },
      { on: "anonymous may configure `.*`", config: user("anonymous", permissions(".*", "", "")) },
    ],
    quiet: [
      { on: "`permissions: safe`", config: sound },
      { on: "anonymous may read `.*`", config: user("anonymous", permissions("", "", ".*")) },
    ],
  },
  {
    rule: "unanchored-permission",
    fires: [
      { on: "`^q_peter`, which has no `$`", config: own("^q_peter") },
      { on: "`^q_peter$|xpublic$`, whose second alternative has no `^`", config: own("^q_peter$|xpublic$") },
      {
        on: "an LDAP user with `permissions: compatible`, the requirement's expressions",
        config: withLdapUser({ permissions: "compatible" }),
      },
      { on: "`^q_peter\\$`, whose dollar is a literal one", config: own("^q_peter\\$") },
    ],
    quiet: [
      { on: "`.*`, `^$` and an empty expression", config: own(".*", "", "^$") },
      { on: "`^(a|b)$|^[|(]$`, which has two alternatives", config: own("^(a|b)$|^[|(]$") },
    ],
  },
  {
    rule: "unreadable-expression",
    fires: [{ on: "`^(q_peter$`", config: own("", "^(q_peter$") }],
    quiet: [{ on: "`^(q_peter)$`", config: own("", "^(q_peter)$") }],
  },
  {
    rule: "guest-enabled",
    fires: [
      { on: "guest with a tag", config: user("guest", { tags: ["management"] }) },
      {
        on: "guest with `permissions: all`, as the requirement leaves it",
        config: user("guest", { permissions: "all" }),
      },
      { on: "guest with permissions", config: user("guest", permissions("", "", "^xpublic$")) },
      { on: "guest as the administrator", config: broker({ administrator: "guest" }) },
    ],
    quiet: [{ on: "guest without tags and permissions", config: sound }],
  },
  {
    rule: "open-loopback-users",
    fires: [{ on: "`loopbackUsers: []`", config: broker({ loopbackUsers: [] }) }],
    quiet: [{ on: "`loopbackUsers: [guest, root]`", config: broker({ loopbackUsers: ["guest", "root"] }) }],
  },
  {
    rule: "dead-ldap-query",
    fires: [
      {
        on: "the requirement's `vhost_access_query`, with `authorization: internal`",
        config: ldap({ vhostAccess: group }),
      },
    ],
    quiet: [
      { on: "the same query with `authorization: ldap`", config: ldap({ vhostAccess: group, authorization: "ldap" }) },
      { on: "a tag query, which the broker does run", config: ldap({ tags: { management: group } }) },
    ],
  },
  {
    rule: "ldap-tag-for-all",
    fires: [
      { on: "the requirement's `tag_queries`", config: ldap({ tags: { administrator: false, management: true } }) },
    ],
    quiet: [
      {
        on: "the tag management for a group only",
        config: ldap({ tags: { administrator: false, management: group } }),
      },
    ],
  },
  {
    rule: "clear-text-ldap",
    fires: [{ on: "`encryption: none`", config: ldap({ encryption: "none" }) }],
    quiet: [
      { on: "`encryption: starttls`", config: ldap({ encryption: "starttls" }) },
      { on: "`encryption: ldaps`", config: ldap({ encryption: "ldaps" }) },
    ],
  },
  {
    rule: "unverified-ldap",
    fires: [{ on: "`ldaps` with `verify: false`", config: ldap({ encryption: "ldaps", verify: false }) }],
    quiet: [{ on: "`starttls` with `verify: true`", config: ldap({}) }],
  },
  {
    rule: "plain-text-amqp",
    fires: [{ on: "`plainText: true`", config: broker({ plainText: true }) }],
    quiet: [{ on: "`plainText: false`", config: sound }],
  },
  {
    rule: "plain-management",
    fires: [{ on: "`plainPort: 15672`", config: managed({ plainPort: 15_672 }) }],
    quiet: [
      { on: "HTTPS alone", config: sound },
      {
        on: "`plainPort: 15672` on the loopback address",
        config: managed({ plainPort: 15_672, address: "127.0.0.1" }),
      },
    ],
  },
  {
    rule: "open-distribution",
    fires: [{ on: "`firewall: false`", config: broker({ firewall: false }) }],
    quiet: [{ on: "`firewall: true`", config: sound }],
  },
  {
    rule: "open-management",
    fires: [
      {
        on: "every address, and no `from`",
        config: broker({ management: { port: 15_672, address: "0.0.0.0", from: [] } }),
      },
    ],
    quiet: [
      { on: "every address, and a network in `from`", config: sound },
      { on: "the loopback address", config: broker({ management: { port: 15_672, address: "127.0.0.1", from: [] } }) },
    ],
  },
];
