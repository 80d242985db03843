import type { Role } from "../config/hosts.ts";
import type { StackConfig } from "../config/index.ts";
import { adoptedParts, foundSteps } from "./adopted.ts";
import { announcerPart, dispatcherPart, pullerPart } from "./agents.ts";
import { apachePart } from "./apache.ts";
import { aptPart } from "./apt.ts";
import { auditorPart } from "./auditor.ts";
import { basePart, pinPart } from "./base.ts";
import { brokerHealthPart } from "./broker-health.ts";
import { certificatesPart } from "./certificates.ts";
import { clusterModels } from "./cluster.ts";
import { connectionOf } from "./connection.ts";
import { datamartTreePart, queueManagerPart, watcherPart } from "./datamart.ts";
import { deliveryAccountPart, deliverySenderParts, notifySenderParts } from "./delivery.ts";
import { firewallPart } from "./firewall.ts";
import { ftpServerPart } from "./ftp-server.ts";
import { keepalivedPart } from "./keepalived.ts";
import { requireOwnFolders, withFoldersBetween } from "./keeper.ts";
import { ldapPart } from "./ldap.ts";
import { bridgeParts, receiverParts } from "./message-agents.ts";
import { monitorPart } from "./monitor.ts";
import { monitorPagePart } from "./monitor-page.ts";
import { monitoredPart } from "./monitored.ts";
import { pageProxyPart } from "./page-proxy.ts";
import type { HostPart, PartContext } from "./part.ts";
import { rabbitmqPart } from "./rabbitmq.ts";
import { subscriberPart } from "./subscriber.ts";
import { type Certificates, noCertificates } from "./tls.ts";
import type { ArtifactSources, EnvironmentModel, HostModel } from "./types.ts";
import { virtualIpModels } from "./virtual-ips.ts";

const partsOfRole: Readonly<Record<Role, readonly ((context: PartContext) => HostPart | HostPart[])[]>> = {
  urp: [apachePart, announcerPart],
  bunny: [rabbitmqPart, firewallPart, keepalivedPart, brokerHealthPart, dispatcherPart],
  pds: [pullerPart],
  px: [deliverySenderParts, notifySenderParts],
  dd: [rabbitmqPart, firewallPart, datamartTreePart, deliveryAccountPart, ftpServerPart, watcherPart, queueManagerPart],
  client: [subscriberPart],
  ldap: [ldapPart],
  monitor: [auditorPart, monitorPagePart, pageProxyPart],
};

const agentParts: ReadonlySet<unknown> = new Set([
  announcerPart,
  dispatcherPart,
  pullerPart,
  watcherPart,
  queueManagerPart,
  auditorPart,
  deliverySenderParts,
  notifySenderParts,
  subscriberPart,
  monitorPagePart,
  pageProxyPart,
]);

/**
 * The desired state of every host and cluster of a stack. Pure: the same config and the same artifacts give the same
 * model, to the byte.
 *
 * @param certificates omitted for callers that only read hosts: the model then lacks files that need them
 */
export function buildModel(
  stack: string,
  config: StackConfig,
  artifacts: ArtifactSources,
  certificates: Certificates = noCertificates,
): EnvironmentModel {
  const contexts = Object.keys(config.hosts).map((host) => ({ stack, config, host, artifacts, certificates }));
  const services = new Map(contexts.map((context) => [context.host, servicesOf(context)]));
  return {
    stack,
    hosts: contexts.map((context) => hostModel(context, services)),
    clusters: clusterModels(config),
    virtualIps: virtualIpModels(config),
  };
}

/** @param servicesOfAll what `servicesOf` gives for each host: a monitor's config has the agents of all */
function hostModel(context: PartContext, servicesOfAll: ReadonlyMap<string, readonly HostPart[]>): HostModel {
  const { config, host: name } = context;
  const host = config.hosts[name];
  if (!host) throw new TypeError(`no host ${name}`);
  const services = servicesOfAll.get(name) ?? [];
  const agentsOf = (other: string) => agentsIn(servicesOfAll.get(other) ?? []);
  const own = [
    basePart(context),
    ...(host.adopted ? [] : [aptPart(context)]),
    certificatesPart(context),
    ...services,
    ...(host.adopted || !host.roles.includes("monitor") ? [] : [monitorPart(context, agentsOf)]),
    monitoredPart(context, agentsIn(services)),
  ];
  const parts = adoptedParts(own, name, config);
  const packages = parts.flatMap((part) => part.packages ?? []);
  parts.push(pinPart(packages));
  const directories = unique(
    parts.flatMap((part) => part.directories ?? []),
    (directory) => directory.path,
  );
  const files = unique(
    parts.flatMap((part) => part.files ?? []),
    (file) => file.path,
  );
  const model = {
    name,
    release: host.release,
    connection: connectionOf(name, config),
    accounts: unique(
      parts.flatMap((part) => part.accounts ?? []),
      (account) => account.name,
    ),
    directories: withFoldersBetween(directories, host.adopted ? [] : files),
    files,
    packages: unique(packages, (one) => one.name),
    artifacts: unique(
      parts.flatMap((part) => part.artifacts ?? []),
      (artifact) => artifact.path,
    ),
    units: unique(
      parts.flatMap((part) => part.units ?? []),
      (unit) => unit.name,
    ),
  };
  // Folders of an adopted host are not checked.
  if (host.adopted) return { ...model, found: foundSteps(model, host.adopted) };
  requireOwnFolders(model);
  return model;
}

/** The parts of a host's roles, and its receivers and bridges. */
function servicesOf(context: PartContext): HostPart[] {
  const host = context.config.hosts[context.host];
  if (!host) return [];
  return [
    ...host.roles
      .flatMap((role) => partsOfRole[role])
      // Agents are deployed once nothing is adopted any more, because their requirements may be missing before.
      .filter((part) => !host.adopted || !agentParts.has(part))
      .flatMap((part) => part(context)),
    ...(host.adopted ? [] : [...receiverParts(context), ...bridgeParts(context)]),
  ];
}

const agentsIn = (parts: readonly HostPart[]) => parts.flatMap(({ metrics }) => metrics ?? []);

/** Removes duplicates, because two roles may have the same thing, e.g. the runtime. The first one stays in its place. */
function unique<T>(things: readonly T[], key: (thing: T) => string): T[] {
  const firsts = new Map<string, T>();
  for (const thing of things) if (!firsts.has(key(thing))) firsts.set(key(thing), thing);
  return [...firsts.values()];
}
