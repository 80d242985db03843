import { randomBytes } from "node:crypto";
import ssh2 from "ssh2";
import { stringify } from "yaml";
import { UserError } from "../../agents/lib/errors.ts";
import { changeDeep, isRecord, type Values, withBase } from "../../infra/config/base.ts";
import { withPlaceholders } from "../../infra/config/placeholders.ts";
import { newSshKey } from "../../infra/hosts/new-key.ts";
import { readStackText } from "../engine/stack-text.ts";

/** What the lab's stack file keeps from the file that it replaces: secrets, so that a second run changes nothing. */
export interface RehearsalOptions {
  /** The lab. */
  readonly name: string;
  readonly index: number;
  /** `encryptionsalt` of the labs' passphrase. */
  readonly salt: string;
  /** Text of the lab's former stack file, if there is one. */
  readonly former?: string | undefined;
}

/** Hosts that a lab has in place of those outside the stack: the department's directory, and a subscriber. */
const directoryHost = "ldap-1";
const firstByte = 11;
const firstVirtualByte = 201;

/**
 * A stack file for a lab with the hosts, names and settings of any other stack, to rehearse that stack on one machine. Addresses are the lab's own,
 * also inside other values; secrets are generated, because the stack's are for its own hosts alone; what is outside the stack, a directory and
 * subscribers, becomes a host of the lab.
 *
 * @param text of the stack's file, whose secrets may be encrypted or missing
 * @throws ConfigError where the text is no stack file, UserError where it has too many hosts for a lab
 */
export function rehearsalText(text: string, { name, index, salt, former }: RehearsalOptions): string {
  const values = withBase(warrenValues(text, `the stack of lab ${name}`)).values;
  const clients = outsideClients(values);
  const hosts = {
    ...recordAt(values, "hosts"),
    ...outsideDirectory(values),
    ...Object.fromEntries([...clients.keys()].map((client) => [client, { roles: ["client"] }])),
  };
  const names = publicNames(values);
  const addresses = newAddresses(hosts, recordAt(values, "virtualIps"), index, name);
  const brokers = mapRecord(recordAt(values, "brokers"), (broker) => brokerInLab(broker, index));
  const draft: Values = {
    ...values,
    ssh: {
      ...withoutKeys(values.ssh, ["port"]),
      user: "root",
      privateKeyFile: `.warren/labs/${name}/id_ed25519`,
      knownHostsFile: `.warren/labs/${name}/known_hosts`,
    },
    hosts: mapRecord(hosts, (host, hostName) =>
      hostInLab(host, addresses.get(`hosts.${hostName}`), names.get(hostName)),
    ),
    // The lab's hosts install through this machine. More sources are part of the stack.
    ...(values.apt === undefined ? {} : { apt: aptInLab(values.apt) }),
    ...datamartsInLab(values, clients),
    virtualIps: mapRecord(recordAt(values, "virtualIps"), (virtualIp, vipName) => ({
      ...withoutKeys(virtualIp, ["prefixLength"]),
      interface: "eth0",
      address: addresses.get(`virtualIps.${vipName}`),
    })),
    brokers,
    tls: withoutKeys(recordAt(values, "tls"), ["caCertificateFile", "caKeyFile"]),
    ...directoryOf(values, brokers),
    // Nobody outside is notified of what happens in a lab.
    ...(values.monitor === undefined ? {} : { monitor: withoutKeys(values.monitor, ["receivers"]) }),
  };
  const moved = replaceAddresses(draft, movesOf(hosts, recordAt(values, "virtualIps"), addresses)) as Values;
  return formatStack(withSecrets(moved, former ? warrenValues(former, `lab ${name}`) : {}), salt);
}

function warrenValues(text: string, subject: string): Values {
  const config = readStackText(Buffer.from(text), subject);
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => (key.startsWith("warren:") ? [[key.slice(7), value]] : [])),
  );
}

const hasRole = (values: Values, role: string): boolean =>
  Object.values(recordAt(values, "hosts")).some((host) => isRecord(host) && [host.roles].flat().includes(role));

/** A directory, if a broker asks one and the stack has none. */
function outsideDirectory(values: Values): Values {
  const asks = Object.values(recordAt(values, "brokers")).some((broker) => isRecord(broker) && broker.ldap);
  return asks && !hasRole(values, "ldap") ? { [directoryHost]: { roles: ["ldap"] } } : {};
}

/** A subscriber for each public data server, if the stack has none: host -> the server's name under `datamarts`, or none. */
function outsideClients(values: Values): Map<string, string | undefined> {
  if (hasRole(values, "client")) return new Map();
  const named = Object.keys(recordAt(values, "datamarts"));
  return new Map([
    ...(isRecord(values.datamart) ? [["client-1", undefined] as const] : []),
    ...named.map((name) => [`client-${name}`, name] as const),
  ]);
}

/** With several public data servers each has its own clients; where the stack has clients, they are named in it. */
function datamartsInLab(values: Values, clients: ReadonlyMap<string, string | undefined>): Values {
  const hostOf = (of: string | undefined) => [...clients].flatMap(([host, name]) => (name === of ? [host] : []));
  const withClient = (datamart: unknown, name?: string): unknown => {
    const hosts = hostOf(name);
    return isRecord(datamart) && hosts.length > 0
      ? { ...datamart, clients: { ...recordAt(datamart, "clients"), hosts } }
      : datamart;
  };
  return {
    ...(values.datamart === undefined ? {} : { datamart: withClient(values.datamart) }),
    ...(values.datamarts === undefined
      ? {}
      : { datamarts: mapRecord(recordAt(values, "datamarts"), (datamart, name) => withClient(datamart, name)) }),
  };
}

/** The public names of data servers lead to the lab's hosts: host -> the host name of its base URL. */
function publicNames(values: Values): Map<string, string> {
  const servers = [values.datamart, ...Object.values(recordAt(values, "datamarts"))];
  return new Map(
    servers.flatMap((server) => {
      if (!isRecord(server) || typeof server.baseUrl !== "string" || !URL.canParse(server.baseUrl)) return [];
      const { members } = recordAt(recordAt(values, "brokers"), String(server.broker));
      const [host] = Array.isArray(members) ? members : [];
      const { hostname } = new URL(server.baseUrl);
      return typeof host === "string" && hostname.includes(".") ? [[host, hostname] as const] : [];
    }),
  );
}

/** Without its logins and what is adopted there. */
function hostInLab(host: unknown, address: string | undefined, publicName: string | undefined): Values {
  const given = isRecord(host) && Array.isArray(host.aliases) ? host.aliases : [];
  const aliases = [...new Set([...given, ...(publicName === undefined ? [] : [publicName])])];
  const { apt, ...rest } = withoutKeys(host, ["ssh", "adopted"]);
  return {
    ...rest,
    ...(apt === undefined ? {} : { apt: aptInLab(apt) }),
    address,
    ...(aliases.length > 0 ? { aliases } : {}),
  };
}

const aptInLab = (apt: unknown): Values => withoutKeys(apt, ["proxy", "mirror"]);

/** Path of each host and virtual IP -> its address in the lab. */
function newAddresses(hosts: Values, virtualIps: Values, index: number, name: string): Map<string, string> {
  const hostNames = Object.keys(hosts);
  const most = firstVirtualByte - firstByte;
  if (hostNames.length > most)
    throw new UserError(`lab ${name}`, `has room for ${most} hosts, got ${hostNames.length}`);
  const address = (byte: number) => `10.203.${index}.${byte}`;
  return new Map([
    ...hostNames.map((host, at) => [`hosts.${host}`, address(firstByte + at)] as const),
    ...Object.keys(virtualIps).map((vip, at) => [`virtualIps.${vip}`, address(firstVirtualByte + at)] as const),
  ]);
}

/** The stack's addresses, with those that take their place. */
function movesOf(hosts: Values, virtualIps: Values, addresses: ReadonlyMap<string, string>): Map<string, string> {
  const moves = new Map<string, string>();
  for (const [section, record] of Object.entries({ hosts, virtualIps })) {
    for (const [name, value] of Object.entries(record)) {
      const to = addresses.get(`${section}.${name}`);
      if (isRecord(value) && typeof value.address === "string" && to) moves.set(value.address, to);
    }
  }
  return moves;
}

const anAddress = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]|\/\d)/g;

/** Also inside other values, e.g. `allowedHosts`. */
const replaceAddresses = (values: Values, moves: ReadonlyMap<string, string>): unknown =>
  changeDeep(values, (part) =>
    typeof part === "string" ? part.replace(anAddress, (address) => moves.get(address) ?? address) : undefined,
  );

/** The management API is open to the lab's network; LDAP is asked at the lab's directory, whose certificate is of the stack's CA. */
function brokerInLab(broker: unknown, index: number): unknown {
  if (!isRecord(broker)) return broker;
  const { management, ldap } = broker;
  return {
    ...broker,
    ...(isRecord(management) && management.from
      ? { management: { ...management, from: [`10.203.${index}.0/24`] } }
      : {}),
    ...(isRecord(ldap) ? { ldap: { ...withoutKeys(ldap, ["caFile", "port"]), servers: [directoryHost] } } : {}),
  };
}

/** The directory's people are the brokers' LDAP users, below the DN where the brokers look for them. */
function directoryOf(values: Values, brokers: Values): Values {
  const ldap = Object.values(brokers).find((broker) => isRecord(broker) && isRecord(broker.ldap));
  const pattern = isRecord(ldap) && isRecord(ldap.ldap) ? ldap.ldap.userDnPattern : undefined;
  if (typeof pattern !== "string") return {};
  return { directory: { ...recordAt(values, "directory"), peopleDn: pattern.slice(pattern.indexOf(",") + 1) } };
}

/** Generated secrets, or the former ones of this lab; and the public half of the key for deliveries. */
function withSecrets(values: Values, former: Values): Values {
  const own = { ...values, secrets: {} };
  const needed = recordAt(withPlaceholders(own), "secrets");
  const kept = recordAt(former, "secrets");
  const people = Object.values(recordAt(values, "brokers")).flatMap((broker) =>
    Object.entries(recordAt(broker, "users")).flatMap(([user, settings]) =>
      isRecord(settings) && settings.ldap === true ? [user] : [],
    ),
  );
  const generated = {
    ...mapRecord(withoutKeys(needed, ["passwords", "deliveryKey"]), () => newSecret()),
    passwords: { ...mapRecord(recordAt(needed, "passwords"), () => newSecret()), ...recordAt(kept, "passwords") },
    directory: { ...Object.fromEntries(people.map((person) => [person, newSecret()])), ...recordAt(kept, "directory") },
  };
  const secrets = { ...generated, ...withoutKeys(kept, ["passwords", "directory"]) };
  if (needed.deliveryKey === undefined) return { ...values, secrets };
  const key = typeof kept.deliveryKey === "string" ? kept.deliveryKey : newSshKey().private;
  return { ...(withPublicKey(values, publicHalf(key)) as Values), secrets: { ...secrets, deliveryKey: key } };
}

const newSecret = (): string => randomBytes(16).toString("hex");

/** As `warren:secrets.deliveryKey`'s other half is written in a stack: type and key, no comment. */
function publicHalf(key: string): string {
  const parsed = ssh2.utils.parseKey(key);
  if (parsed instanceof Error) throw parsed;
  return `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`;
}

/** Sets `publicKey` wherever files are delivered. */
function withPublicKey(value: unknown, publicKey: string): unknown {
  if (!isRecord(value)) return value;
  return mapRecord(value, (item, key) =>
    key === "delivery" && isRecord(item) ? { ...item, publicKey } : withPublicKey(item, publicKey),
  );
}

function formatStack(values: Values, salt: string): string {
  const head =
    "# A rehearsal of another stack. `./warren lab` writes this file; its secrets are valid on this lab's hosts alone.\n";
  const config = Object.fromEntries(Object.entries(values).map(([key, value]) => [`warren:${key}`, value]));
  return head + stringify({ config, encryptionsalt: salt }, { lineWidth: 0 });
}

function recordAt(value: unknown, key: string): Values {
  const found = isRecord(value) ? value[key] : undefined;
  return isRecord(found) ? found : {};
}

function mapRecord(record: Values, map: (value: unknown, key: string) => unknown): Values {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}

function withoutKeys(value: unknown, keys: readonly string[]): Values {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter(([key]) => !keys.includes(key))) : {};
}
