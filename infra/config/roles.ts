import { createHmac } from "node:crypto";
import { isTwin } from "./announcements.ts";
import { passwordOf } from "./passwords.ts";
import type { StackConfig } from "./schema.ts";

/** The agents that log in by AMQP. Each has a user of its own name at the brokers that it works at. */
export const agentRoles = [
  "announcer",
  "auditor",
  "bridge",
  "dispatcher",
  "monitor",
  "puller",
  "receiver",
  "sender",
  "watcher",
] as const;
export type AgentRole = (typeof agentRoles)[number];

/**
 * Whether agents log in to a cluster as users of their own, instead of all as `announcements.user`. Two clusters that share a virtual IP have the
 * same answer, because agents must be able to log in to either of them.
 */
export function hasRoles(config: Pick<StackConfig, "announcements" | "brokers" | "hosts">, cluster: string): boolean {
  const { broker, beside } = config.announcements;
  const both = beside !== undefined && [broker, beside].includes(cluster) ? [broker, beside] : [cluster];
  return both.every((name) => isWithRoles(config, name));
}

/** Default: not for the old permissions, and not for brokers that were set up by hand. */
function isWithRoles({ brokers, hosts }: Pick<StackConfig, "brokers" | "hosts">, name: string): boolean {
  const broker = brokers[name];
  if (!broker) return false;
  const isOurs = broker.standardObjects && broker.members.some((host) => !hosts[host]?.adopted);
  return broker.roles ?? (broker.permissions === "safe" && isOurs);
}

/** The user of a role. Like `announcements.user` it has a twin, e.g. `puller-b` for `feeder-b`. */
export const roleUser = (role: AgentRole, agentUser: string): string => (isTwin(agentUser) ? `${role}-b` : role);

/**
 * The password of a role's user. It is derived from that of the agents' user, so there is no further secret to keep or to rotate. An agent's host
 * has only the derived password. Nobody can compute the agents' user's password, or another role's, from it.
 */
const derivedPassword = (password: string, user: string): string =>
  createHmac("sha256", password).update(`warren user ${user}`).digest("hex").slice(0, 48);

export interface AgentLogin {
  readonly user: string;
  readonly password: string;
}

/** A role's user at a cluster with `hasRoles`. @param agentUser `announcements.user` or its twin */
export function roleLogin(config: StackConfig, role: AgentRole, cluster: string, agentUser: string): AgentLogin {
  const user = roleUser(role, agentUser);
  return { user, password: derivedPassword(passwordOf(config, agentUser, cluster), user) };
}

/** How an agent logs in to a cluster. */
export function agentLogin(config: StackConfig, role: AgentRole, cluster: string): AgentLogin {
  const { user } = config.announcements;
  if (hasRoles(config, cluster)) return roleLogin(config, role, cluster, user);
  return { user, password: passwordOf(config, user, cluster) };
}
