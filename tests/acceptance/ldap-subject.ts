import { connect } from "amqplib";
import { ManagementClient } from "../../agents/lib/management.ts";
import { render } from "../../infra/commands/command.ts";
import { rabbitmqctl } from "../../infra/commands/rabbitmq.ts";
import type { BrokerConfig } from "../../infra/config/brokers.ts";
import { passwordOf } from "../../infra/config/index.ts";
import type { LdapConfig } from "../../infra/config/ldap.ts";
import { brokerSettings, nodeTimeoutMsOf } from "../../infra/model/broker-settings.ts";
import { configTerms } from "../../infra/model/broker-terms.ts";
import { readOperatorCa } from "../../scripts/engine/operator-ca.ts";
import { formatTerm, setting, type Term } from "../../templates/erlang-terms.ts";
import { lab, on, stackConfig, textOf, until } from "./subject.ts";

/** Milliseconds for a login of any kind: longer than LDAP's own timeout. */
const loginTimeoutMs = 15_000;

/** A broker that asks LDAP, seen at its first member, and people of every kind. */
export interface LdapSubject {
  readonly cluster: string;
  readonly broker: BrokerConfig;
  readonly member: { readonly name: string; readonly address: string };
  /** The host with the directory. */
  readonly server: string;
  readonly ca: string;
  /** A user of the broker whose password LDAP checks, and who has no tag. */
  readonly person: Login;
  /** As `person`, with a tag of the broker's own that opens the management API. */
  readonly tagged: Login;
  /** Somebody in the directory who is no user of the broker. */
  readonly stranger: Login;
  /** DN of a group that `person` is in, and `tagged` is not. */
  readonly group: string;
  /** A user whose password the broker keeps. */
  readonly own: Login;
}

/** What a change of the broker's `ldap` config would be. */
export type LdapChange = { readonly [Key in keyof LdapConfig]?: LdapConfig[Key] | undefined };

export interface Login {
  readonly name: string;
  readonly password: string;
}

export async function ldapSubject(): Promise<LdapSubject> {
  const config = await stackConfig();
  const cluster = config.announcements.broker;
  const broker = config.brokers[cluster];
  const [member = ""] = broker?.members ?? [];
  const [server = ""] = broker?.ldap?.servers ?? [];
  const ca = await readOperatorCa(lab);
  if (!broker || !config.hosts[server] || !ca) throw new TypeError(`${cluster} asks no LDAP server of the stack`);
  const { directory } = config.secrets;
  const found = (what: string, isIt: (name: string) => boolean): Login => {
    const person = Object.keys(directory).find(isIt);
    if (person === undefined) throw new TypeError(`the directory has no ${what}`);
    return { name: person, password: directory[person] ?? "" };
  };
  const tagsOf = (person: string) => (broker.users[person]?.ldap ? broker.users[person].tags : undefined);
  const person = found("user of the broker without tags", (name) => tagsOf(name)?.length === 0);
  const group = Object.entries(config.directory.groups).find(([, people]) => people.includes(person.name))?.[0];
  if (group === undefined) throw new TypeError(`${person.name} is in no group`);
  return {
    cluster,
    broker,
    member: { name: member, address: config.hosts[member]?.address ?? member },
    server,
    ca,
    person,
    group: `cn=${group},${config.directory.groupsDn}`,
    tagged: found("user of the broker with tags", (person) => (tagsOf(person)?.length ?? 0) > 0),
    stranger: found("stranger to the broker", (person) => broker.users[person] === undefined),
    own: { name: "feeder", password: passwordOf(config, "feeder") },
  };
}

/** What a broker says to an AMQP login over TLS: `accepted`, `refused`, or something else that went wrong. */
export async function amqpLogin({ broker, member, ca }: LdapSubject, { name, password }: Login): Promise<string> {
  const url = {
    protocol: "amqps",
    hostname: member.address,
    port: broker.tlsPort,
    username: name,
    password,
    vhost: "/",
  };
  // A vhost that may not be entered is a refusal, too: amqplib says that it got a close.
  try {
    const connection = await connect(url, { ca: [Buffer.from(ca)], timeout: loginTimeoutMs });
    await connection.close();
    return "accepted";
  } catch (error) {
    const { message } = error as Error;
    return /ACCESS[-_]REFUSED|got <ConnectionClose/.test(message) ? "refused" : message;
  }
}

/** The management API's status to who asks something, who he is unless said otherwise. */
export async function managementStatus(
  { broker, member, ca }: LdapSubject,
  { name: user, password }: Login,
  path = "whoami",
): Promise<number> {
  const url = `https://${member.address}:${broker.management.port}`;
  const bounds = { timeoutMs: loginTimeoutMs, answerBytesMax: 16 << 20 };
  const client = new ManagementClient({ urls: [url], login: { user, password }, ca, ...bounds });
  try {
    return (await client.sendTo(url, { path })).status;
  } finally {
    await client.close();
  }
}

/** The LDAP settings of a broker's config file as a change of its config would have them, as Erlang terms. */
function ldapTerms({ cluster, broker }: LdapSubject, ldap: LdapChange): Term {
  if (!broker.ldap) throw new TypeError("no ldap");
  const changed = { ...broker.ldap, ...ldap } as LdapConfig;
  return configTerms(brokerSettings(cluster, { ...broker, ldap: changed }, nodeTimeoutMsOf({}, broker)));
}

/**
 * Gives the running broker other LDAP settings while some work runs: those that its file would have after such a change, without the restart.
 * The directory is restarted, so that no old connection is used again.
 *
 * @param serverName the name expected in the certificate, if it differs from the server's
 */
export async function withLdap<T>(
  subject: LdapSubject,
  change: LdapChange,
  work: () => Promise<T>,
  serverName?: string,
): Promise<T> {
  await setLdap(subject, change, serverName);
  try {
    return await work();
  } finally {
    await setLdap(subject, {});
  }
}

async function setLdap(subject: LdapSubject, change: LdapChange, serverName?: string): Promise<void> {
  const expected = serverName === undefined ? [] : [setting("server_name_indication", serverName)];
  // `ssl_options` of before must not stay where the change has none.
  const evaluated = `
    File = ${formatTerm(ldapTerms(subject, change))},
    Rabbit = proplists:get_value(rabbit, File),
    Own = proplists:get_value(rabbitmq_auth_backend_ldap, File),
    Tls = lists:ukeymerge(1, ${formatTerm(expected)}, lists:keysort(1, proplists:get_value(ssl_options, Own, []))),
    application:set_env(rabbit, auth_backends, proplists:get_value(auth_backends, Rabbit)),
    [application:set_env(rabbitmq_auth_backend_ldap, Key, Value) || {Key, Value} <- Own],
    application:set_env(rabbitmq_auth_backend_ldap, ssl_options, Tls).`;
  await on(subject.member.name, render(rabbitmqctl("eval", evaluated.replace(/\s*\n\s*/g, " ").trim())));
  await on(subject.server, startAnew);
}

/** systemd counts starts, and refuses the sixth in ten seconds. */
export const startAnew = "systemctl reset-failed slapd && systemctl restart slapd";

/**
 * What the broker logs while some work is done: lines are there when the answer is that is looked for. The LDAP user knocks again until it is:
 * the broker's pool may just have lost a connection, and then it says that instead. @throws where it never comes
 */
export async function loggedDuring(subject: LdapSubject, expected: RegExp, work: () => Promise<void>): Promise<void> {
  const host = subject.member.name;
  const log = `/var/log/rabbitmq/rabbit@${host}.log`;
  const size = await textOf(host, `stat -c %s ${log}`);
  await work();
  let text = "";
  await until(`the broker's log says ${expected}`, 20_000, async () => {
    text = await textOf(host, `tail -c +${Number(size) + 1} ${log}`);
    if (expected.test(text)) return true;
    await amqpLogin(subject, subject.person);
    return false;
  }).catch((error: Error) => {
    throw new Error(`${error.message}; it says:\n${text}`);
  });
}
