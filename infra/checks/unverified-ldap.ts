import type { Rule } from "./rule.ts";

export const unverifiedLdap: Rule = {
  name: "unverified-ldap",
  severity: "warning",
  firesOn: "encrypted LDAP without verification of the server (`verify: false`)",
  reason:
    "Encryption without verification does not prove who the server is: a host that impersonates it receives every password and can accept any login.",
  remedy: "set `verify: true`, and `caFile` unless the stack's own CA issued the server's certificate",
  source: "RFC 4513, 3.1.3; rabbitmq.com/docs/ldap, TLS",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, { ldap }]) => ldap && ldap.encryption !== "none" && !ldap.verify)
      .map(([name, { ldap }]) => ({
        path: `warren:brokers.${name}.ldap.verify`,
        message: `any host can impersonate ${ldap?.servers.join(", ")}`,
      })),
};
