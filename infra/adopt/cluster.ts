import type * as z from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import type { brokerSchema } from "../config/brokers.ts";
import type { AdoptOptions, AskedHost } from "./asked.ts";
import { readConfFile, usualLoopbackUsers } from "./conf-settings.ts";
import { ldapSection } from "./ldap.ts";
import { nameFrom } from "./names.ts";
import { type FoundObjects, readObjects } from "./objects.ts";
import { verifyPasswords } from "./passwords.ts";
import { brokerFiles } from "./question.ts";
import { seriesOf, statusOf } from "./requirements.ts";
import { emptySettings, readTermsFile, type SettingsDraft } from "./settings.ts";
import { staysUnmanaged, type Unexpressed } from "./unexpressed.ts";
import type { VirtualIpInput } from "./virtual-ips.ts";

/** A cluster in the form of a stack file. */
export interface AdoptedCluster {
  readonly name: string;
  readonly broker: z.input<typeof brokerSchema>;
  readonly passwords: Readonly<Record<string, string>>;
  readonly objects: FoundObjects;
  readonly unexpressed: readonly Unexpressed[];
}

/** @throws UserError if warren could not manage this cluster: no management API, no administrator's password, wrong passwords */
export function adoptCluster(
  members: readonly AskedHost[],
  virtualIps: Readonly<Record<string, VirtualIpInput>>,
  options: AdoptOptions,
): AdoptedCluster {
  const [first] = members;
  const definitions = first?.host.definitions;
  if (!first || !definitions) throw new TypeError("a cluster without members");
  const name = clusterName(first);
  const place = `cluster ${name}`;
  verifyPasswords(definitions.users, options.passwords, "--passwords");
  const { settings, unexpressed } = readSettings(members);
  const ldap = settings.backends && ldapSection(settings.ldap, settings.backends);
  const objects = readObjects(definitions, {
    place,
    passwords: options.passwords,
    ldap: ldap !== undefined,
    queues: options.queues,
  });
  const administrator = administratorOf(objects, options, first);
  const listeners = readListeners(members, place);
  const virtualIp = Object.entries(virtualIps).find(([, { priorities }]) =>
    members.some(({ host }) => priorities[host.name]),
  );
  const broker = {
    members: members.map(({ host }) => host.name),
    series: seriesOf(first.host.packages.get("rabbitmq-server") ?? "") ?? "3.10",
    ...(virtualIp ? { virtualIp: virtualIp[0] } : {}),
    ...listeners.ports,
    tls: false,
    firewall: false,
    partitionHandling: settings.partitionHandling ?? ("ignore" as const),
    loopbackUsers: [...(settings.loopbackUsers ?? usualLoopbackUsers)],
    ...(ldap ? { ldap } : {}),
    administrator,
    standardObjects: false,
    users: objects.users,
    exchanges: objects.exchanges,
    queues: objects.queues,
    policies: objects.policies,
  };
  return {
    name,
    broker,
    passwords: objects.passwords,
    objects,
    unexpressed: [
      ...unexpressed,
      ...listeners.unexpressed,
      ...objects.unexpressed,
      ...(objects.users[administrator]?.permissions ? [] : [withoutPermissions(administrator, place)]),
    ],
  };
}

/** Over the API an administrator can read everything and create users, permissions and policies, but exchanges and queues need permissions. */
const withoutPermissions = (administrator: string, place: string): Unexpressed => ({
  place,
  what: `administrator ${administrator} has no permissions on vhost /`,
  consequence: "this user can't recreate a lost exchange or queue; to allow it, add permissions in the stack file",
});

/** The cluster's name. A cluster without a name of its own has that of its first node, `rabbit@HOST`. */
const clusterName = (first: AskedHost): string =>
  nameFrom(
    statusOf(first)
      .cluster_name.replace(/^rabbit@/, "")
      .replace(/\..*$/, ""),
    first.host.name,
  );

/** The first member's settings. Differences on other members are listed. */
function readSettings(members: readonly AskedHost[]): { settings: SettingsDraft; unexpressed: Unexpressed[] } {
  const settings = emptySettings();
  const unexpressed: Unexpressed[] = [];
  const [first, ...others] = members;
  if (!first) return { settings, unexpressed };
  const { host } = first;
  const text = (path: string) => host.files.get(path)?.content;
  const conf = text(brokerFiles.conf);
  if (conf !== undefined) unexpressed.push(...readConfFile(conf, `${host.name}:${brokerFiles.conf}`, settings));
  for (const path of [brokerFiles.advanced, brokerFiles.terms]) {
    const terms = text(path);
    if (terms !== undefined) unexpressed.push(...readTermsFile(terms, `${host.name}:${path}`, settings));
  }
  for (const other of others) {
    for (const path of [brokerFiles.conf, brokerFiles.advanced, brokerFiles.terms, brokerFiles.plugins]) {
      if (other.host.files.get(path)?.content === text(path)) continue;
      unexpressed.push({
        place: `${other.host.name}:${path}`,
        what: `differs from ${host.name}'s`,
        consequence: `each file stays unchanged; the stack file has the settings of ${host.name}'s`,
      });
    }
  }
  return { settings, unexpressed };
}

function administratorOf({ passwords }: FoundObjects, options: AdoptOptions, first: AskedHost): string {
  const all = (first.host.definitions?.users ?? []).filter(({ tags }) => tags.includes("administrator"));
  const names = all.map(({ name }) => name).toSorted((a, b) => Number(b === "root") - Number(a === "root"));
  const usable = names.filter((name) => passwords[name] !== undefined);
  const wanted = options.administrator;
  const found = wanted === undefined ? usable[0] : usable.find((name) => name === wanted);
  if (found !== undefined) return found;
  const missing = wanted ?? (names.join(" or ") || "an administrator");
  throw new UserError(
    `the broker on ${first.host.name}`,
    `the password of ${missing} is needed, because warren manages users, permissions and policies as an administrator`,
    `pass it, e.g. in a file {"${names[0] ?? "root"}": "…"} of mode 0600: --passwords FILE; or on standard input: --passwords -`,
  );
}

/** Ports on which the first member listens. The management API must listen on an address other than loopback. */
function readListeners(members: readonly AskedHost[], place: string) {
  const [first] = members;
  if (!first) throw new TypeError("a cluster without members");
  const all = statusOf(first).listeners[`rabbit@${first.host.name}`] ?? [];
  const of = (protocol: string) => all.filter((one) => one.protocol === protocol);
  const api = of("http").find((one) => !isLoopback(one.interface));
  if (!api) {
    const local = of("http").length > 0;
    throw new UserError(
      `the broker on ${first.host.name}`,
      local
        ? "its management API listens on loopback only, so warren can't connect to it"
        : "it has no management API over HTTP, which warren needs to manage users, permissions and policies",
      local ? "make it listen on the host's address" : "on each member: rabbitmq-plugins enable rabbitmq_management",
    );
  }
  const amqp = of("amqp").filter((one) => !isLoopback(one.interface));
  const more = [...amqp.slice(1), ...all.filter(({ protocol }) => !["amqp", "http", "clustering"].includes(protocol))];
  const unexpressed = more.map(
    ({ protocol, port }): Unexpressed => ({
      place,
      what: `listener ${protocol} on port ${port}`,
      consequence: staysUnmanaged,
    }),
  );
  const ports = {
    ...(amqp[0] ? { port: amqp[0].port, plainText: true } : { plainText: false }),
    management: { port: api.port },
  };
  return { ports, unexpressed };
}

const isLoopback = (address: string): boolean => /^(127\.|\[?::1\]?$)/.test(address);
