import { atom, type Term } from "../../templates/erlang-terms.ts";
import { type ConfEntry, parseConf } from "./conf.ts";
import { readLdapTerm } from "./ldap.ts";
import { putBackends, putPartitionHandling, type SettingsDraft } from "./settings.ts";
import { keptInFile, type Unexpressed } from "./unexpressed.ts";

/** Keys whose content warren knows from other sources: members, ports that the broker lists, the cluster's name. */
const knownFromElsewhere =
  /^(listeners\.tcp\.[\w]+|cluster_name|cluster_formation\.(peer_discovery_backend|classic_config\.nodes\.\w+))$/;

/** Reads `rabbitmq.conf`. @returns settings that the config can't express */
export function readConfFile(text: string, place: string, settings: SettingsDraft): Unexpressed[] {
  const { entries, strange } = parseConf(text);
  const backends = readBackendEntries(entries, settings);
  const servers = entries.filter(({ key }) => key.startsWith("auth_ldap.servers."));
  if (servers.length > 0) {
    readLdapTerm(
      settings.ldap,
      "servers",
      servers.map(({ value }) => value),
    );
  }
  const unknown = entries.filter(
    (entry) =>
      !knownFromElsewhere.test(entry.key) &&
      !servers.includes(entry) &&
      !backends.includes(entry) &&
      !readEntry(settings, entry),
  );
  return [
    ...unknown.map(({ key, value, line }) => ({ line, what: secretKey.test(key) ? key : `${key} = ${value}` })),
    ...strange.map(({ line }) => ({ line, what: "a line that is not a setting" })),
  ].map(({ line, what }) => ({ place: `${place}:${line}`, what, consequence: keptInFile }));
}

/** Values of these keys are not shown. */
const secretKey = /pass|secret|cookie|token/;

function readEntry(settings: SettingsDraft, { key, value }: ConfEntry): boolean {
  const ldap = /^auth_ldap\.(.*)$/.exec(key)?.[1];
  if (ldap !== undefined) return readLdapTerm(settings.ldap, ldap, termOf(value));
  const loopback = /^loopback_users\.(.+)$/.exec(key)?.[1];
  if (loopback !== undefined) return putLoopback(settings, loopback, value);
  switch (key) {
    case "cluster_partition_handling":
      return putPartitionHandling(settings, value);
    case "loopback_users":
      if (value !== "none") return false;
      settings.loopbackUsers = [];
      return true;
    case "management.tcp.port":
    case "management.listener.port":
      settings.management = { ...settings.management, port: Number(value) };
      return true;
    case "management.tcp.ip":
    case "management.listener.ip":
      settings.management = { ...settings.management, address: value };
      return true;
    default:
      return false;
  }
}

/** RabbitMQ's default for users that may log in only from the broker's host. */
export const usualLoopbackUsers: readonly string[] = ["guest"];

/** `loopback_users.guest = true`, or `= false` for a default user that may log in from anywhere. */
function putLoopback(settings: SettingsDraft, name: string, value: string): boolean {
  const before = settings.loopbackUsers ?? usualLoopbackUsers;
  if (value !== "true" && value !== "false") return false;
  const others = before.filter((user) => user !== name);
  settings.loopbackUsers = value === "true" ? [...others, name] : others;
  return true;
}

/** `auth_backends.1 = ldap`, or in two parts: `auth_backends.1.authn = ldap`, `auth_backends.1.authz = internal`. */
function readBackendEntries(entries: readonly ConfEntry[], settings: SettingsDraft): ConfEntry[] {
  const found = entries.filter(({ key }) => key.startsWith("auth_backends."));
  const chain = new Map<number, { authn: string; authz: string }>();
  for (const { key, value } of found) {
    const [, number = "", part] = /^auth_backends\.(\d+)(?:\.(authn|authz))?$/.exec(key) ?? [];
    const before = chain.get(Number(number)) ?? { authn: "", authz: "" };
    chain.set(Number(number), part ? { ...before, [part]: value } : { authn: value, authz: value });
  }
  if (chain.size === 0) return [];
  const terms = [...chain.entries()]
    .toSorted(([a], [b]) => a - b)
    .map(([, { authn, authz }]): Term => ({ tuple: [atom(authn), atom(authz)] }));
  return putBackends(settings, terms) ? found : [];
}

/** A value in the form that the setting has in Erlang terms. */
function termOf(value: string): Term {
  if (value === "true" || value === "false") return value === "true";
  if (/^\d+$/.test(value)) return Number(value);
  return value === "network" ? atom(value) : value;
}
