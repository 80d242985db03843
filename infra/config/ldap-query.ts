import * as z from "zod";

/** Text, or the value of an attribute of an entry. `${username}`, `${user_dn}`, `${vhost}`, `${resource}`, `${name}` are replaced by the broker. */
export type LdapOperand = string | { readonly attribute: string; readonly of: string };

/** A case of `for`; the first that matches the request applies. */
export type LdapCase =
  | { readonly permission: "configure" | "write" | "read"; readonly query: LdapQuery }
  | { readonly resource: "exchange" | "queue" | "topic"; readonly query: LdapQuery }
  | { readonly vhost: string; readonly query: LdapQuery };

/** A query of RabbitMQ's LDAP plugin. */
export type LdapQuery =
  | boolean
  | { readonly inGroup: string; readonly attribute?: string | undefined }
  | { readonly inGroupNested: string; readonly attribute?: string | undefined }
  | { readonly exists: string }
  | { readonly not: LdapQuery }
  | { readonly and: readonly LdapQuery[] }
  | { readonly or: readonly LdapQuery[] }
  | { readonly equals: readonly [LdapOperand, LdapOperand] }
  | { readonly match: readonly [LdapOperand, LdapOperand] }
  | { readonly for: readonly LdapCase[] };

const dn = z.string().min(3);
const attribute = z.string().min(1).optional();

const operandSchema: z.ZodType<LdapOperand> = z.union([z.string(), z.strictObject({ attribute: z.string(), of: dn })]);
const operands = z.tuple([operandSchema, operandSchema]);

export const ldapQuerySchema: z.ZodType<LdapQuery> = z.lazy(() =>
  z.union(
    [
      z.boolean(),
      /** Member of a group of names; `attribute` names the group's attribute, if it isn't `member`. */
      z.strictObject({ inGroup: dn, attribute }),
      /** As `inGroup`, including members of nested groups. */
      z.strictObject({ inGroupNested: dn, attribute }),
      z.strictObject({ exists: dn }),
      z.strictObject({ not: ldapQuerySchema }),
      z.strictObject({ and: z.array(ldapQuerySchema) }),
      z.strictObject({ or: z.array(ldapQuerySchema) }),
      z.strictObject({ equals: operands }),
      /** The second operand is a regular expression. */
      z.strictObject({ match: operands }),
      z.strictObject({ for: z.array(caseSchema).min(1) }),
    ],
    "expected true, false, or one of inGroup, inGroupNested, exists, not, and, or, equals, match, for",
  ),
);

const caseSchema: z.ZodType<LdapCase> = z.lazy(() =>
  z.union(
    [
      z.strictObject({ permission: z.enum(["configure", "write", "read"]), query: ldapQuerySchema }),
      z.strictObject({ resource: z.enum(["exchange", "queue", "topic"]), query: ldapQuerySchema }),
      z.strictObject({ vhost: z.string().min(1), query: ldapQuerySchema }),
    ],
    "expected permission, resource or vhost, and a query",
  ),
);
