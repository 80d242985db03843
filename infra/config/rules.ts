import { ownSchema } from "../../agents/dispatcher/config.ts";
import { describeIssue } from "../../agents/lib/config.ts";
import type { ConfigIssue } from "../../agents/lib/errors.ts";
import { addressIssues, nameIssues } from "./address-rules.ts";
import { adoptedIssues } from "./adopted-rules.ts";
import { dispatcherKeys, twinUser } from "./announcements.ts";
import { mqttUser } from "./brokers.ts";
import { clusterIssues, unknownHost, virtualIpIssues } from "./cluster-rules.ts";
import { dataServers } from "./data-servers.ts";
import { queueManagerUser } from "./datamart.ts";
import { datamartIssues } from "./datamart-rules.ts";
import { directoryIssues } from "./directory-rules.ts";
import { messageAgentIssues } from "./message-agents-rules.ts";
import { monitorIssues } from "./monitor-rules.ts";
import { agentRoles, hasRoles } from "./roles.ts";
import type { StackConfig } from "./schema.ts";
import { missingSecret, standardUsers } from "./secrets.ts";

/**
 * Rules that span several keys: names that refer to nothing, addresses used twice. Rules about settings that are valid but unsafe are checks on
 * the model (`infra/checks`).
 */
export function crossFieldIssues(config: StackConfig): ConfigIssue[] {
  return [
    ...addressIssues(config),
    ...nameIssues(config),
    ...jumpIssues(config),
    ...clusterIssues(config),
    ...announcementIssues(config),
    ...datamartIssues(config),
    ...messageAgentIssues(config),
    ...userIssues(config),
    ...virtualIpIssues(config),
    ...tlsIssues(config),
    ...adoptedIssues(config),
    ...directoryIssues(config),
    ...monitorIssues(config),
  ];
}

function jumpIssues(config: StackConfig): ConfigIssue[] {
  return Object.entries(config.hosts).flatMap(([name, host]) => {
    const { via } = host.ssh;
    if (!via) return [];
    const path = `hosts.${name}.ssh.via`;
    const jump = config.hosts[via];
    if (!jump) return [unknownHost(path, via)];
    if (via === name || jump.ssh.via) {
      return [{ path, message: `expected a host that needs no jump host, got ${JSON.stringify(via)}` }];
    }
    return [];
  });
}

/** Settings that the agents themselves would refuse only after deployment. */
function announcementIssues({ announcements, hosts }: StackConfig): ConfigIssue[] {
  const { dedupWindowSeconds, placedRememberedSeconds } = announcements;
  const issues = dispatcherIssues(announcements);
  const expect = (isGood: boolean, key: keyof typeof announcements, message: string): void => {
    if (!isGood) issues.push({ path: `announcements.${key}`, message });
  };
  expect(
    placedRememberedSeconds === undefined || placedRememberedSeconds < dedupWindowSeconds,
    "placedRememberedSeconds",
    `expected less than dedupWindowSeconds (${dedupWindowSeconds}), got ${placedRememberedSeconds}`,
  );
  const roles = Object.values(hosts).flatMap((host) => host.roles);
  expect(
    !roles.includes("pds") || roles.includes("urp") || announcements.allowedHosts.length > 0,
    "allowedHosts",
    "expected at least one host: the stack has pullers, but no radar server for them to pull from",
  );
  return issues;
}

/** Applies the dispatcher's own cross-field rules. The stack has another name for `prefetch`. */
function dispatcherIssues(announcements: StackConfig["announcements"]): ConfigIssue[] {
  const own = { ...dispatcherKeys.parse(announcements), prefetch: announcements.dispatcherPrefetch };
  const read = ownSchema.safeParse(own, { reportInput: true });
  const inStack = (text: string) => text.replace(/\bprefetch\b/, "dispatcherPrefetch");
  return (read.error?.issues ?? []).flatMap(describeIssue).map(({ path, message }) => ({
    path: `announcements.${inStack(path)}`,
    message: inStack(message),
  }));
}

/** A user whose password a broker stores itself. */
interface PasswordNeed {
  readonly user: string;
  readonly broker: string;
}

/** Users whose passwords the brokers store, per broker. */
export function passwordNeeds({
  brokers,
  ...config
}: Pick<StackConfig, "brokers" | "datamart" | "datamarts">): PasswordNeed[] {
  const managed = new Set(dataServers(config).map((server) => server.config.broker));
  return Object.entries(brokers).flatMap(([broker, { administrator, standardObjects, users }]) => {
    const needed = new Set<string>([administrator]);
    if (standardObjects) for (const user of standardUsers) needed.add(user);
    if (managed.has(broker)) needed.add(queueManagerUser);
    for (const [user, { ldap }] of Object.entries(users)) {
      if (ldap) needed.delete(user);
      else needed.add(user);
    }
    return [...needed].map((user) => ({ user, broker }));
  });
}

/** Every user with a password at a broker has one; every password belongs to a user; LDAP users need a broker with LDAP servers. */
function userIssues(config: StackConfig): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const needs = passwordNeeds(config);
  const { user: agents, broker: own } = config.announcements;
  const twins = needs.flatMap(({ user, broker }) => ([agents, twinUser(agents)].includes(user) ? [broker] : []));
  // Agents log in as this user; adopted hosts have no agents yet.
  const withAgents = Object.values(config.hosts).some(
    ({ roles, adopted }) => !adopted && roles.some((role) => role !== "ldap"),
  );
  if (withAgents) needs.push(...[own, ...twins].map((broker) => ({ user: agents, broker })));
  issues.push(...roleIssues(config));
  for (const [name, broker] of Object.entries(config.brokers)) {
    for (const [user, { ldap }] of Object.entries(broker.users)) {
      if (!ldap || broker.ldap) continue;
      const message = `expected a broker with \`ldap\` servers, but brokers.${name} has none`;
      issues.push({ path: `brokers.${name}.users.${user}.ldap`, message });
    }
  }
  const given = config.secrets.passwords;
  const missing = needs.filter(({ user, broker }) => (given[`${user}@${broker}`] ?? given[user]) === undefined);
  for (const user of new Set(missing.map((need) => need.user))) {
    const path = `secrets.passwords.${user}`;
    issues.push({ path, message: missingSecret(path) });
  }
  const twinNeeds = twins.map((broker) => ({ user: twinUser(agents), broker }));
  const optional = Object.entries(config.brokers).flatMap(([broker, { mqtt }]) =>
    mqtt ? [{ user: mqttUser, broker }] : [],
  );
  const known = new Set(
    [...needs, ...twinNeeds, ...optional].flatMap(({ user, broker }) => [user, `${user}@${broker}`]),
  );
  for (const user of Object.keys(given)) {
    if (known.has(user)) continue;
    issues.push({
      path: `secrets.passwords.${user}`,
      message: "expected the name of a user under warren:brokers whose password the broker stores",
    });
  }
  return issues;
}

/** No other user may have the name of an agents' own user. */
function roleIssues(config: StackConfig): ConfigIssue[] {
  const names = new Set(agentRoles.flatMap((role) => [role, twinUser(role)]));
  const agents = config.announcements.user;
  return Object.entries(config.brokers).flatMap(([name, { administrator, users }]) => {
    if (!hasRoles(config, name)) return [];
    const path = `brokers.${name}`;
    const message = `expected another name, because agents log in with this one; or set ${path}.roles to false`;
    return [
      ...(names.has(administrator) ? [{ path: `${path}.administrator`, message }] : []),
      ...(names.has(agents) ? [{ path: "announcements.user", message }] : []),
      ...Object.keys(users).flatMap((user) => (names.has(user) ? [{ path: `${path}.users.${user}`, message }] : [])),
    ];
  });
}

function tlsIssues({ tls }: StackConfig): ConfigIssue[] {
  const missing = (["caCertificateFile", "caKeyFile"] as const).filter((key) => tls[key] === undefined);
  if (missing.length !== 1) return [];
  return missing.map((key) => ({
    path: `tls.${key}`,
    message: "expected a file: a CA needs both its certificate and its key",
  }));
}
