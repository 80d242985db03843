import * as z from "zod";
import { portSchema } from "./hosts.ts";
import { ldapQuerySchema } from "./ldap-query.ts";

const fields = z.strictObject({
  /** Names or addresses, tried in order. With `starttls` and verification, the certificate of a single server is also checked for its name. */
  servers: z.array(z.string().min(1)).min(1),
  /** Default: 389, or 636 for `ldaps`. */
  port: portSchema.optional(),
  /** `none` sends passwords unencrypted. */
  encryption: z.enum(["none", "starttls", "ldaps"]).default("starttls"),
  /** Whether to verify the server's certificate. */
  verify: z.boolean().default(true),
  /** Path on the members of the trusted CA certificates; default: the stack's own CA. */
  caFile: z.string().regex(/^\//, "expected an absolute path on the members").optional(),
  /** DN of a user, with `${username}` in place of the name. */
  userDnPattern: z.string().regex(/\$\{username\}/, "expected a DN with the name as dollar, brace, username, brace"),
  /** Milliseconds until a server that doesn't answer counts as down; a login waits that long. */
  timeoutMs: z.int().min(100).max(60_000).default(5000),
  /**
   * What the broker logs: logins and queries (`on`), or network traffic as well (`network`, passwords are omitted). `compatible` writes the old
   * text, `{log, true}, {network, true}`: the second is no setting of RabbitMQ, so it logs what `on` does.
   */
  log: z.enum(["off", "on", "network", "compatible"]).default("on"),
  /**
   * Which backend checks a password first; the other is tried if the first one refuses it. `internal`: LDAP never sees passwords of the broker's
   * own users, who don't wait for a server that is down. `ldap` is the original order.
   */
  first: z.enum(["internal", "ldap"]).default("internal"),
  /**
   * What authorizes an LDAP user: the broker's own permissions, or the queries below (`ldap`). With `internal` only users with
   * `ldap: true` can log in by LDAP. `compatible` writes the old terms. With them, a directory entry with the name of one of the broker's own users,
   * such as `feeder`, has that user's permissions.
   */
  authorization: z.enum(["internal", "compatible", "ldap"]).default("internal"),
  /** Tags that LDAP assigns in addition to those under `users`; a tag without a query is not assigned. */
  tags: z.record(z.string().regex(/^[a-z_]+$/, "expected a tag, e.g. management"), ldapQuerySchema).default({}),
  /** Run only with `authorization: ldap`; default: allowed. */
  vhostAccess: ldapQuerySchema.optional(),
  resourceAccess: ldapQuerySchema.optional(),
  topicAccess: ldapQuerySchema.optional(),
  /** DN below which `inGroupNested` searches for groups. */
  groupLookupBase: z.string().min(3).optional(),
});

/** These servers check passwords of users with `ldap: true`; the broker's own permissions apply to such users unless `authorization: ldap`. */
export const ldapSchema = fields.refine(
  (ldap) => ldap.groupLookupBase !== undefined || !JSON.stringify(ldap).includes('"inGroupNested":'),
  {
    path: ["groupLookupBase"],
    message: "expected a DN below which to search for groups, because a query has inGroupNested",
  },
);

export type LdapConfig = z.infer<typeof ldapSchema>;
