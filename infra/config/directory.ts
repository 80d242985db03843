import { z } from "zod";

const dnSchema = z
  .string()
  .regex(
    /^(ou=[\w .-]+,)+dc=[\w-]+(,dc=[\w-]+)*$/,
    "a DN of one or more `ou=` and then `dc=`, e.g. ou=People,dc=example,dc=ca",
  );

/**
 * What the stack's own LDAP servers (hosts with the role `ldap`) hold, for labs and trials: an organisation has its directory already.
 * Its people are those who have a password under `warren:secrets.directory`.
 */
export const directorySchema = z.strictObject({
  peopleDn: dnSchema.default("ou=People,ou=depot,dc=ec,dc=gc,dc=ca"),
  groupsDn: dnSchema.default("ou=Groups,ou=depot,dc=ec,dc=gc,dc=ca"),
  /** Groups of names: `cn=NAME` below `groupsDn`, with people as members. */
  groups: z.record(z.string().regex(/^[\w-]+$/, "a group's name"), z.array(z.string()).min(1)).default({}),
});

/** Names stand in DNs as they are. */
export const personSchema = z
  .string()
  .regex(/^[a-z][a-z0-9._-]*$/, "a login name of small letters, digits, dots, hyphens");
