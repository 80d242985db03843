import type { Rule } from "./rule.ts";

export const clearTextLdap: Rule = {
  name: "clear-text-ldap",
  severity: "warning",
  firesOn: "LDAP without encryption",
  reason:
    "The broker sends each user's password to the LDAP server at every login. It is also the password of their other accounts.",
  remedy: "set `encryption: starttls` (port 389) or `ldaps` (636)",
  source: 'the requirement, "RABBITMQ-SERVER ldap installation" (`use_ssl, false`); RFC 4513, 6.3.3',
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, broker]) => broker.ldap?.encryption === "none")
      .map(([name, broker]) => ({
        path: `warren:brokers.${name}.ldap.encryption`,
        message: `passwords are sent to ${broker.ldap?.servers.join(", ")} unencrypted`,
      })),
};
