import { UserError } from "../../../agents/lib/errors.ts";
import { closeConnections } from "../../../infra/commands/rabbitmq.ts";
import { twinUser } from "../../../infra/config/announcements.ts";
import { hasPassword, passwordOf, type StackConfig } from "../../../infra/config/index.ts";
import { act } from "../../../infra/hosts/act.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { roleUsers } from "../../../infra/model/roles.ts";
import { openHosts } from "../../engine/hosts.ts";
import { configKey, setConfig } from "../../engine/stack-config.ts";
import { fromAll } from "../../lib/lists.ts";
import { poll } from "../../lib/poll.ts";
import { connectionsOf, type Expected, unexpectedLogins } from "./login.ts";
import type { Rotation } from "./phase.ts";
import { newSecret } from "./stack-file.ts";
import { apply, configNow, type Subject } from "./subject.ts";

/** A user whose password is stored in the brokers. */
export interface UserPlan {
  readonly user: string;
  /** Names below `warren:secrets.passwords`. */
  readonly keys: readonly string[];
  readonly brokers: readonly string[];
  /** Set if agents log in as this user; they switch to its twin. */
  readonly twin?: { readonly user: string; readonly keys: readonly string[] };
}

/** Which passwords change, and at which brokers. Pure. @throws UserError if the stack does not manage the user's password */
export function planUser(config: StackConfig, user: string): UserPlan {
  const clusters = clusterModels(config);
  const having = clusters.filter(
    ({ name: cluster, users, administrator }) =>
      [administrator.name, ...users.map(({ name }) => name)].includes(user) ||
      (user === config.announcements.user && rolesAt(config, cluster, user).length > 0),
  );
  const isOfDirectory = having.some(({ users }) => users.some((one) => one.name === user && !one.password));
  if (having.length === 0) {
    const there = clusters.flatMap(({ users, administrator }) => [
      administrator.name,
      ...users.map(({ name }) => name),
    ]);
    throw new UserError(user, "is not a user of the stack's brokers", `users: ${[...new Set(there)].join(" ")}`);
  }
  const { user: agents } = config.announcements;
  if (having.some(({ name }) => [agents, twinUser(agents)].some((one) => rolesAt(config, name, one).includes(user)))) {
    const remedy = `rotate that one: ./warren rotate password ${agents}`;
    throw new UserError(user, `has a password that is derived from that of ${agents}`, remedy);
  }
  if (isOfDirectory) throw new UserError(user, "has its password in LDAP", "change it there");
  const keys = Object.keys(config.secrets.passwords).filter((name) => name === user || name.startsWith(`${user}@`));
  const brokers = having.map(({ name }) => name);
  if (user !== agents) return { user, keys, brokers };
  const other = twinUser(user);
  return { user, keys, brokers, twin: { user: other, keys: keys.map((name) => other + name.slice(user.length)) } };
}

/** Users of the agents' roles, whose passwords are derived from that of the agents' user. */
const rolesAt = (config: StackConfig, broker: string, agents: string): string[] =>
  hasPassword(config, agents, broker) ? roleUsers(config, broker, agents).map(({ name }) => name) : [];

export function passwordRotation(subject: Subject, user: string, cutOff: boolean): Rotation {
  const plan = planUser(subject.before, user);
  const commands = plan.keys.map(
    (name) => `./warren pulumi config get -s ${subject.stack} --path 'warren:secrets.passwords${configKey(name)}'`,
  );
  return {
    what: `password ${user}`,
    phases: plan.twin ? twinPhases(subject, plan, plan.twin, cutOff) : [changePhase(subject, plan)],
    afterwards: plan.twin
      ? [
          `agents log in as ${plan.twin.user} from now on; other clients of ${user} need its new password: ${commands.join("; ")}`,
        ]
      : [`clients of ${user} need the new password: ${commands.join("; ")}`],
  };
}

function changePhase(subject: Subject, plan: UserPlan): Rotation["phases"][number] {
  return {
    name: "change",
    where: plan.brokers.join(", "),
    what: `${plan.user} has a new password; the previous one is refused`,
    meanwhile: "open connections stay; clients need the new password to reconnect",
    async run() {
      await renew(subject, plan.keys);
      const problems = await apply(subject);
      return problems.length > 0 ? problems : checkFormer(subject, plan, plan.user);
    },
  };
}

function twinPhases(
  subject: Subject,
  plan: UserPlan,
  twin: NonNullable<UserPlan["twin"]>,
  cutOff: boolean,
): Rotation["phases"] {
  const { stack, say } = subject;
  const { user, brokers } = plan;
  const where = brokers.join(", ");
  return [
    {
      name: "make",
      where,
      what: `user ${twin.user} with ${user}'s rights and a new password, and a twin of each agent's own user`,
      meanwhile: "agents are not affected",
      async run() {
        await renew(subject, twin.keys);
        const problems = await apply(subject);
        if (problems.length > 0) return problems;
        const now = await configNow(subject);
        return unexpectedLogins(stack, now, brokers, (broker) => allAccepted(now, twin.user, broker));
      },
    },
    {
      name: "move",
      where: "agents",
      what: `log in as ${twin.user}, or as the twins of their own users`,
      meanwhile: "each agent restarts, dispatchers one after the other; both users are accepted",
      async run() {
        const now = await configNow(subject);
        if (now.announcements.user !== twin.user) await setConfig(stack, "warren:announcements.user", twin.user);
        return apply(subject);
      },
    },
    {
      name: "refuse",
      where,
      what: `${user} and the agents' previous users have new passwords, which no client has; the previous ones are refused`,
      meanwhile: "stops if a client is still connected with the previous password",
      async run() {
        const there = await connected(subject, brokers, user);
        if (there.length > 0 && !cutOff) {
          return there.map((one) => `${one}; add --cut-off to close its connection`);
        }
        for (const one of there) say(`${one}; its connection will be closed`);
        await renew(subject, plan.keys);
        const problems = await apply(subject);
        if (problems.length > 0) return problems;
        const trouble = await closeAll(subject, brokers, user);
        return trouble.length > 0 ? trouble : checkFormer(subject, plan, twin.user);
      },
    },
  ];
}

async function checkFormer(subject: Subject, { user, brokers }: UserPlan, valid: string): Promise<string[]> {
  const now = await configNow(subject);
  return unexpectedLogins(subject.stack, now, brokers, (broker) => {
    // A user that may log in only from the broker's own host is refused here with any password.
    if (now.brokers[broker]?.loopbackUsers.includes(user)) return [];
    const previous = loginsOf(subject.before, user, broker);
    return [
      ...allAccepted(now, valid, broker),
      ...previous.map((login): Expected => ({ ...login, answer: "refused", called: "the previous password" })),
    ];
  });
}

/** A user with its password; for the agents' user also the users of their roles. */
function loginsOf(config: StackConfig, user: string, broker: string): { user: string; password: string }[] {
  const { user: agents } = config.announcements;
  const roles = [agents, twinUser(agents)].includes(user) ? roleUsers(config, broker, user) : [];
  return [
    { user, password: passwordOf(config, user, broker) },
    ...roles.map(({ name, password = "" }) => ({ user: name, password })),
  ];
}

const allAccepted = (config: StackConfig, user: string, broker: string): Expected[] =>
  loginsOf(config, user, broker).map((login) => ({ ...login, answer: "accepted", called: "the new password" }));

/** Sets new passwords, except those that an interrupted run has already set. */
async function renew(subject: Subject, keys: readonly string[]): Promise<void> {
  const now = await configNow(subject);
  for (const name of keys) {
    if (now.secrets.passwords[name] !== subject.before.secrets.passwords[name]) continue;
    await setConfig(subject.stack, `warren:secrets.passwords${configKey(name)}`, newSecret(), { secret: true });
  }
}

/** The previous connections of agents that have switched are closed within this time. */
const partingMs = 20_000;

/** Clients that stay connected as the agents' user or as a user of their roles, at all brokers. */
async function connected(subject: Subject, brokers: readonly string[], user: string): Promise<string[]> {
  const now = await configNow(subject);
  let there: string[] = [];
  await poll(
    async () => {
      const all = await Promise.all(
        brokers.map(async (broker) => {
          const users = loginsOf(now, user, broker).map((login) => login.user);
          const found = await connectionsOf(subject.stack, now, broker);
          return found.flatMap((one) =>
            users.includes(one.user) ? [`${one.client} is still connected as ${one.user}`] : [],
          );
        }),
      );
      there = all.flat().sort();
      return there.length === 0;
    },
    { everyMs: 500, withinMs: partingMs, signal: subject.engine.signal },
  );
  return there;
}

/** `rabbitmqctl` starts an Erlang VM, possibly on a busy broker. */
const closeSeconds = 120;

/** Brokers check the password only when a connection is opened, so open connections would stay for ever. */
async function closeAll({ stack, before }: Subject, brokers: readonly string[], user: string): Promise<string[]> {
  const reach = await openHosts(stack, before);
  return fromAll(brokers, async (broker) => {
    const host = before.brokers[broker]?.members[0];
    if (host === undefined) return [];
    return fromAll(loginsOf(before, user, broker), async ({ user: one }) => {
      const command = closeConnections(one, "its password was changed");
      const ended = await act(reach, { host, title: "closes connections", command, timeoutSeconds: closeSeconds });
      return "why" in ended ? [`${host}: connections of ${one} can't be closed: ${ended.why}`] : [];
    });
  });
}
