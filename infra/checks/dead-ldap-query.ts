import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

const accessQueries = ["vhostAccess", "resourceAccess", "topicAccess"] as const;

export const deadLdapQuery: Rule = {
  name: "dead-ldap-query",
  severity: "warning",
  firesOn: "LDAP access queries that are never asked, because the broker's own permissions count",
  reason:
    "With `{rabbit_auth_backend_ldap, rabbit_auth_backend_internal}` LDAP checks the password and gives tags, nothing more: the requirement's vhost and resource queries were never asked. Who reads them believes in a lock that isn't there.",
  remedy: "take them out; or set `authorization: ldap`, and they count instead of the broker's permissions",
  source: 'the requirement, "RABBITMQ-SERVER ldap installation"; rabbitmq.com/docs/access-control, combining backends',
  find: (_, config) =>
    Object.entries(config.brokers).flatMap(([name, { ldap }]) => {
      const dead = accessQueries.filter((query) => ldap?.[query] !== undefined);
      if (ldap?.authorization !== "internal" || dead.length === 0) return [];
      return [
        {
          path: `warren:brokers.${name}.ldap.${dead[0]}`,
          message: `${list(dead)}: never asked, \`authorization\` is internal`,
        },
      ];
    }),
};
