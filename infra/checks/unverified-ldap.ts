import type { Rule } from "./rule.ts";

export const unverifiedLdap: Rule = {
  name: "unverified-ldap",
  severity: "warning",
  firesOn: "LDAP with encryption whose server proves nothing (`verify: false`)",
  reason:
    "Encrypted to whoever answers: a host that takes the LDAP server's place gets each password, and may say yes to any.",
  remedy: "leave `verify` on, and give `caFile` where the server's certificate isn't of the stack's own CA",
  source: "RFC 4513, 3.1.3; rabbitmq.com/docs/ldap, TLS",
  find: (_, config) =>
    Object.entries(config.brokers)
      .filter(([, { ldap }]) => ldap && ldap.encryption !== "none" && !ldap.verify)
      .map(([name, { ldap }]) => ({
        path: `warren:brokers.${name}.ldap.verify`,
        message: `anyone may stand in for ${ldap?.servers.join(", ")}`,
      })),
};
