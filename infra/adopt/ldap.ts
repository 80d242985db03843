import type { z } from "zod";
import type { Term } from "../../templates/erlang-terms.ts";
import { ldapSchema } from "../config/ldap.ts";
import type { LdapQuery } from "../config/ldap-query.ts";
import { readQuery } from "./ldap-query.ts";
import { allOf, atomOf, pairsOf, textOf, tupleOf } from "./terms.ts";

/** The `ldap` section as a stack file has it. */
export type LdapInput = z.input<typeof ldapSchema>;

/** Settings of LDAP gathered from a broker's files, in the plugin's own words. */
export interface LdapFound {
  readonly values: Partial<LdapInput>;
  useSsl?: boolean;
  useStartTls?: boolean;
}

export const emptyLdap = (): LdapFound => ({ values: {} });

/** One setting of `rabbitmq_auth_backend_ldap`. @returns whether the config has words for it */
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
      // What the old notes have; no version that warren knows reads it.
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

/** Who checks the password, who says what a user may do; undefined where the config has no words for the chain. */
export function readBackends(term: Term): "internal only" | "internal" | "ldap" | undefined {
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
  return ({ ii: "internal only", "li ii": "internal", "ll ii": "ldap" } as const)[chain ?? ""];
}

/** The section, where what was found makes one. */
export function ldapSection(found: LdapFound, authorization: "internal" | "ldap"): LdapInput | undefined {
  const encryption = found.useSsl ? "ldaps" : found.useStartTls ? "starttls" : "none";
  // The chains that are understood ask LDAP first.
  const section = { first: "ldap", log: "off", ...found.values, encryption, authorization };
  return ldapSchema.safeParse(section).success ? (section as LdapInput) : undefined;
}
