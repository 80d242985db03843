import { z } from "zod";

/** Passwords of users with `ldap: true` are checked by these servers; what such a user may do stays the broker's own business. */
export const ldapSchema = z.strictObject({
  servers: z.array(z.string().min(1)).min(1),
  /** Left out: 389, or 636 for `ldaps`. */
  port: z.int().min(1).max(65_535).optional(),
  /** `none` sends passwords in the clear. */
  encryption: z.enum(["none", "starttls", "ldaps"]).default("starttls"),
  /** DN of a user, `${username}` standing for the name. */
  userDnPattern: z.string().regex(/\$\{username\}/, "a DN in which the name stands as dollar, brace, username, brace"),
});

export type LdapConfig = z.infer<typeof ldapSchema>;
