import { z } from "zod";
import { portSchema } from "./hosts.ts";
import { ldapQuerySchema } from "./ldap-query.ts";

const fields = z.strictObject({
  /** Names or addresses, tried in turn. With `starttls` and verification a single name's certificate is checked for it too. */
  servers: z.array(z.string().min(1)).min(1),
  /** Left out: 389, or 636 for `ldaps`. */
  port: portSchema.optional(),
  /** `none` sends passwords in the clear. */
  encryption: z.enum(["none", "starttls", "ldaps"]).default("starttls"),
  /** Whether the server's certificate has to be the servers' own. */
  verify: z.boolean().default(true),
  /** Path on the members of the CA certificates that count; left out: the stack's own CA. */
  caFile: z.string().regex(/^\//, "an absolute path on the members").optional(),
  /** DN of a user, `${username}` standing for the name. */
  userDnPattern: z.string().regex(/\$\{username\}/, "a DN in which the name stands as dollar, brace, username, brace"),
  /** Milliseconds until a server that doesn't answer counts as down; a login waits for so long. */
  timeoutMs: z.int().min(100).max(60_000).default(5000),
  /** What the broker's log has of it: logins and queries, or what goes over the wire too (passwords are left out). */
  log: z.enum(["off", "on", "network"]).default("on"),
  /**
   * Who is asked for a password first; the other is asked where the first one refuses. `internal`: LDAP gets to see no password of the broker's
   * own users, and they don't wait for a server that is down. `ldap` is the old way.
   */
  first: z.enum(["internal", "ldap"]).default("internal"),
  /** Who says what an LDAP user may do: the broker's own permissions, or the queries below. */
  authorization: z.enum(["internal", "ldap"]).default("internal"),
  /** Tags that LDAP gives, beside those that a user has under `users`; without a query: none. */
  tags: z.record(z.string().regex(/^[a-z_]+$/, "a tag, e.g. management"), ldapQuerySchema).default({}),
  /** Asked with `authorization: ldap` only; left out: yes. */
  vhostAccess: ldapQuerySchema.optional(),
  resourceAccess: ldapQuerySchema.optional(),
  topicAccess: ldapQuerySchema.optional(),
  /** Where `inGroupNested` looks for groups. */
  groupLookupBase: z.string().min(3).optional(),
});

/** Passwords of users with `ldap: true` are checked by these servers; what such a user may do stays the broker's own business. */
export const ldapSchema = fields.refine(
  (ldap) => ldap.groupLookupBase !== undefined || !JSON.stringify(ldap).includes('"inGroupNested":'),
  { path: ["groupLookupBase"], message: "a DN below which groups are looked for, as a query has inGroupNested" },
);

export type LdapConfig = z.infer<typeof ldapSchema>;
