import type * as z from "zod";
import type { Term } from "../../templates/erlang-terms.ts";
import { ldapSchema } from "../config/ldap.ts";
import type { LdapQuery } from "../config/ldap-query.ts";
import { readQuery } from "./ldap-query.ts";
import { allOf, atomOf, pairsOf, textOf, tupleOf } from "./terms.ts";

/** The `ldap` section of a stack file. */
type LdapInput = z.input<typeof ldapSchema>;

/** LDAP settings from a broker's files. */
export interface LdapFound {
  readonly values: Partial<LdapInput>;
  useSsl?: boolean;
  useStartTls?: boolean;
}

export const emptyLdap = (): LdapFound => ({ values: {} });

/** One setting of `rabbitmq_auth_backend_ldap`. @returns whether the config can express it */
export function readLdapTerm(found: LdapFound, name: string, term: Term): boolean {
  const { values } = found;
  const put = (more: Partial<LdapInput>) => Object.assign(values, more) === values;
  const query = (key: "vhostAccess" | "resourceAccess" | "topicAccess") => {
    const read = readQuery(term);
    return read !== undefined && put({ [key]: read });
  };
  switch (name) {
    case "servers": {
      const servers = allOf(term, textOf);
      return servers !== undefined && servers.length > 0 && put({ servers });
    }
    case "user_dn_pattern": {
      const pattern = textOf(term);
      return pattern?.includes(`\${username}`) === true && put({ userDnPattern: pattern });
    }
    case "port":
      return typeof term === "number" && put({ port: term });
    case "timeout":
      return typeof term === "number" && put({ timeoutMs: term });
    case "use_ssl":
      found.useSsl = term === true;
      return typeof term === "boolean";
    case "use_starttls":
      found.useStartTls = term === true;
      return typeof term === "boolean";
    case "log":
      return putLog(found, term);
    case "network":
      // From the old notes; no version that warren supports reads it.
      return false;
    case "vhost_access_query":
      return query("vhostAccess");
    case "resource_access_query":
      return query("resourceAccess");
    case "topic_access_query":
      return query("topicAccess");
    case "tag_queries": {
      const tags = readTags(term);
      return tags !== undefined && put({ tags });
    }
    case "group_lookup_base": {
      const base = textOf(term);
      return base !== undefined && put({ groupLookupBase: base });
    }
    default:
      return false;
  }
}

function putLog(found: LdapFound, term: Term): boolean {
  const word = atomOf(term);
  const log = word === "true" ? "on" : word === "false" ? "off" : word === "network" ? "network" : undefined;
  if (log) Object.assign(found.values, { log });
  return log !== undefined;
}

function readTags(term: Term): Record<string, LdapQuery> | undefined {
  const pairs = pairsOf(term)?.map(([tag, query]) => [tag, readQuery(query)] as const);
  if (pairs?.every(([, query]) => query !== undefined) !== true) return undefined;
  return Object.fromEntries(pairs) as Record<string, LdapQuery>;
}

/** Which backend checks a password first, and which one authorizes a user. */
export type Backends = Required<Pick<LdapInput, "first" | "authorization">>;

/** Chains of backends, each a letter for the password check and one for authorization: `l` LDAP, `i` the broker itself. */
const chains: Readonly<Record<string, Backends | "internal only">> = {
  ii: "internal only",
  "li ii": { first: "ldap", authorization: "compatible" },
  "ll ii": { first: "ldap", authorization: "ldap" },
  "ii li": { first: "internal", authorization: "compatible" },
  "ii ll": { first: "internal", authorization: "ldap" },
};

/** `auth_backends`; undefined if the config can't express the chain. */
export function readBackends(term: Term): Backends | "internal only" | undefined {
  const ldap = new Set(["rabbit_auth_backend_ldap", "ldap"]);
  const internal = new Set(["rabbit_auth_backend_internal", "internal"]);
  const chain = allOf(term, (item) => {
    const [authentication, authorization] = tupleOf(item) ?? [item, item];
    const kind = (one: Term | undefined) => {
      const name = atomOf(one) ?? "";
      return ldap.has(name) ? "l" : internal.has(name) ? "i" : undefined;
    };
    const [a, b] = [kind(authentication), kind(authorization)];
    return a && b ? `${a}${b}` : undefined;
  })?.join(" ");
  return chains[chain ?? ""];
}

/** The section; undefined if the settings found are incomplete. */
export function ldapSection(found: LdapFound, backends: Backends): LdapInput | undefined {
  const encryption = found.useSsl ? "ldaps" : found.useStartTls ? "starttls" : "none";
  // A broker verifies nothing unless its `ssl_options` require it; these are listed.
  const verify = encryption === "none" ? {} : { verify: false };
  const section = { ...backends, log: "off", ...found.values, encryption, ...verify };
  return ldapSchema.safeParse(section).success ? (section as LdapInput) : undefined;
}
