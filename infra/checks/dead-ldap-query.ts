import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

const accessQueries = ["vhostAccess", "resourceAccess", "topicAccess"] as const;

export const deadLdapQuery: Rule = {
  name: "dead-ldap-query",
  severity: "warning",
  firesOn: "LDAP access queries that the broker never runs, because its own permissions apply",
  reason:
    "With `{rabbit_auth_backend_ldap, rabbit_auth_backend_internal}` LDAP only checks the password and assigns tags. The requirement's vhost and resource queries never ran, so they suggest a protection that does not exist.",
  remedy: "remove them; or set `authorization: ldap` to apply them instead of the broker's permissions",
  source: 'the requirement, "RABBITMQ-SERVER ldap installation"; rabbitmq.com/docs/access-control, combining backends',
  find: (_, config) =>
    Object.entries(config.brokers).flatMap(([name, { ldap }]) => {
      const dead = accessQueries.filter((query) => ldap?.[query] !== undefined);
      if (ldap === undefined || ldap.authorization === "ldap" || dead.length === 0) return [];
      return [
        {
          path: `warren:brokers.${name}.ldap.${dead[0]}`,
          message: `${list(dead)} never run, because \`authorization\` is ${ldap.authorization}`,
        },
      ];
    }),
};
