import type { Term } from "../../templates/erlang-terms.ts";
import { parseTerms } from "../../templates/erlang-terms-parse.ts";
import { type Backends, emptyLdap, type LdapFound, readBackends, readLdapTerm } from "./ldap.ts";
import { allOf, atomOf, listOf, pairsOf, textOf, tupleOf } from "./terms.ts";
import { keptInFile, type Unexpressed } from "./unexpressed.ts";

/** Settings from a broker's configuration files that the config can express. */
export interface BrokerSettings {
  readonly partitionHandling?: "autoheal" | "ignore" | "pause_minority";
  readonly loopbackUsers?: readonly string[];
  readonly management: { readonly port?: number; readonly address?: string };
  /** Absent if the broker doesn't use LDAP. */
  readonly backends?: Backends;
  readonly ldap: LdapFound;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
export type SettingsDraft = Mutable<BrokerSettings>;

export const emptySettings = (): SettingsDraft => ({ management: {}, ldap: emptyLdap() });

/** Keys whose content warren knows from other sources: members, and ports that the broker lists. */
const knownFromElsewhere = new Set(["rabbit.tcp_listeners", "rabbit.cluster_nodes", "rabbit.cluster_formation"]);

/**
 * Reads `rabbitmq.config`, or `advanced.config`: one list of applications with their settings.
 *
 * @param place the file of what can't be expressed: `bunny1:/etc/rabbitmq/rabbitmq.config`
 * @returns settings that the config can't express
 */
export function readTermsFile(text: string, place: string, settings: SettingsDraft): Unexpressed[] {
  const parsed = parseTerms(text);
  if (!parsed.ok) {
    const at = `${place}:${parsed.line}`;
    return [{ place: at, what: `Erlang terms that can't be parsed: ${parsed.message}`, consequence: keptInFile }];
  }
  const unexpressed: Unexpressed[] = [];
  const list = (application: string, key: string | undefined, what: string) =>
    unexpressed.push({ place: `${place}:${lineOf(text, application, key)}`, what, consequence: keptInFile });
  for (const item of listOf(parsed.terms[0]) ?? []) {
    const [name, settingsList] = tupleOf(item) ?? [];
    const application = atomOf(name);
    const pairs = pairsOf(settingsList);
    if (application === undefined || pairs === undefined) {
      unexpressed.push({ place, what: "a term that is not an application with settings", consequence: keptInFile });
      continue;
    }
    for (const [key, value] of pairs) {
      const full = `${application}.${key}`;
      if (knownFromElsewhere.has(full) || readTerm(settings, full, value)) continue;
      list(application, key, full);
    }
  }
  return unexpressed;
}

function readTerm(settings: SettingsDraft, name: string, term: Term): boolean {
  const ldap = /^rabbitmq_auth_backend_ldap\.(.*)$/.exec(name)?.[1];
  if (ldap !== undefined) return readLdapTerm(settings.ldap, ldap, term);
  switch (name) {
    case "rabbit.cluster_partition_handling":
      return putPartitionHandling(settings, atomOf(term));
    case "rabbit.loopback_users": {
      const users = allOf(term, textOf);
      if (users) settings.loopbackUsers = users;
      return users !== undefined;
    }
    case "rabbit.auth_backends":
      return putBackends(settings, term);
    case "rabbitmq_management.listener":
    case "rabbitmq_management.tcp_config":
      return putListener(settings, term);
    default:
      return false;
  }
}

export function putPartitionHandling(settings: SettingsDraft, word: string | undefined): boolean {
  if (word !== "autoheal" && word !== "ignore" && word !== "pause_minority") return false;
  settings.partitionHandling = word;
  return true;
}

export function putBackends(settings: SettingsDraft, term: Term): boolean {
  const backends = readBackends(term);
  if (typeof backends === "object") settings.backends = backends;
  return backends !== undefined;
}

function putListener(settings: SettingsDraft, term: Term): boolean {
  const listener = new Map(pairsOf(term) ?? []);
  const [port, ip, ssl] = [listener.get("port"), listener.get("ip"), listener.get("ssl")];
  if (typeof port === "number") settings.management = { ...settings.management, port };
  const address = textOf(ip);
  if (address !== undefined) settings.management = { ...settings.management, address };
  return [...listener.keys()].every((key) => ["port", "ip", "ssl"].includes(key)) && ssl !== true;
}

/** The line of a key after that of its application. The parser returns no positions, and a name rarely occurs elsewhere. */
function lineOf(text: string, application: string, key: string | undefined): number {
  const word = (name: string) => new RegExp(`(?<![\\w'])'?${name.replaceAll(/[^\w]/g, "\\$&")}(?![\\w])`);
  const from = Math.max(0, text.search(new RegExp(`\\{\\s*'?${application}\\b`)));
  const at = key === undefined ? 0 : text.slice(from).search(word(key));
  return text.slice(0, from + Math.max(0, at)).split("\n").length;
}
