import { list } from "./production.ts";
import type { Rule } from "./rule.ts";

export const ldapTagForAll: Rule = {
  name: "ldap-tag-for-all",
  severity: "warning",
  firesOn: "a tag that every LDAP user gets (`true` as its query)",
  reason:
    "Tag queries are asked whatever `authorization` says. The requirement's `{management, {constant, true}}` lets every LDAP user whom the broker knows into the management API; with `administrator` each could change the broker.",
  remedy: "ask for a group, e.g. `management: {inGroup: …}`, or give the tag under `users`",
  source: 'the requirement, "RABBITMQ-SERVER ldap installation" (tag_queries); rabbitmq.com/docs/ldap, tag queries',
  find: (_, config) =>
    Object.entries(config.brokers).flatMap(([name, { ldap }]) => {
      const tags = Object.entries(ldap?.tags ?? {}).flatMap(([tag, query]) => (query === true ? [tag] : []));
      if (tags.length === 0) return [];
      return [{ path: `warren:brokers.${name}.ldap.tags`, message: `every LDAP user gets ${list(tags)}` }];
    }),
};
