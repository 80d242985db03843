import * as z from "zod";

const dnSchema = z
  .string()
  .regex(
    /^(ou=[\w .-]+,)+dc=[\w-]+(,dc=[\w-]+)*$/,
    "expected a DN of one or more `ou=` and then `dc=`, e.g. ou=People,dc=example,dc=ca",
  );

/**
 * Content of the stack's own LDAP servers (hosts with the role `ldap`), for labs and trials; an organisation has a directory already.
 * Its people are those with a password under `warren:secrets.directory`.
 */
export const directorySchema = z.strictObject({
  peopleDn: dnSchema.default("ou=People,ou=depot,dc=ec,dc=gc,dc=ca"),
  groupsDn: dnSchema.default("ou=Groups,ou=depot,dc=ec,dc=gc,dc=ca"),
  /** Groups of names: `cn=NAME` below `groupsDn`, with people as members. */
  groups: z.record(z.string().regex(/^[\w-]+$/, "expected a group's name"), z.array(z.string()).min(1)).default({}),
});

/** Names are inserted into DNs without escaping. */
export const personSchema = z
  .string()
  .regex(/^[a-z][a-z0-9._-]*$/, "expected a login name of lower-case letters, digits, dots, hyphens, underscores");
