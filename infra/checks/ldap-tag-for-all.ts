import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const ldapTagForAll: Rule = {
  name: "ldap-tag-for-all",
  severity: "warning",
  firesOn: "a tag that every LDAP user gets (`true` as its query)",
  reason:
    "The broker runs tag queries whatever `authorization` is set to. The requirement's `{management, {constant, true}}` gives every LDAP user that the broker knows access to the management API; with `administrator`, each of them could reconfigure the broker.",
  remedy: "require a group, e.g. `management: {inGroup: …}`, or assign the tag under `users`",
  source: 'the requirement, "RABBITMQ-SERVER ldap installation" (tag_queries); rabbitmq.com/docs/ldap, tag queries',
  find: (_, config) =>
    Object.entries(config.brokers).flatMap(([name, { ldap }]) => {
      const tags = Object.entries(ldap?.tags ?? {}).flatMap(([tag, query]) => (query === true ? [tag] : []));
      if (tags.length === 0) return [];
      return [{ path: `warren:brokers.${name}.ldap.tags`, message: `every LDAP user gets ${list(tags)}` }];
    }),
};
