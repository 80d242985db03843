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

/** A broker that authenticates with LDAP, seen at its first member, and one user of each kind. */
export interface LdapSubject {
  readonly cluster: string;
  readonly broker: BrokerConfig;
  readonly member: { readonly name: string; readonly address: string };
  /** The host with the directory. */
  readonly server: string;
  readonly ca: string;
  /** A user of the broker whose password LDAP checks; without tags. */
  readonly person: Login;
  /** Like `person`, with a tag in the broker that gives access to the management API. */
  readonly tagged: Login;
  /** A person in the directory who is not a user of the broker. */
  readonly stranger: Login;
  /** DN of a group with `person` as a member, but not `tagged`. */
  readonly group: string;
  /** An internal user: the broker has its password. */
  readonly own: Login;
}

/** A change of the broker's `ldap` config. */
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
  if (!broker || !config.hosts[server] || !ca) throw new TypeError(`${cluster} uses no LDAP server of the stack`);
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

/** Tries an AMQP login over TLS. @returns `accepted`, `refused`, or the message of another error */
export async function amqpLogin({ broker, member, ca }: LdapSubject, { name, password }: Login): Promise<string> {
  const url = {
    protocol: "amqps",
    hostname: member.address,
    port: broker.tlsPort,
    username: name,
    password,
    vhost: "/",
  };
  // A refused vhost is a refusal too: amqplib reports an unexpected close.
  try {
    const connection = await connect(url, { ca: [Buffer.from(ca)], timeout: loginTimeoutMs });
    await connection.close();
    return "accepted";
  } catch (error) {
    const { message } = error as Error;
    return /ACCESS[-_]REFUSED|got <ConnectionClose/.test(message) ? "refused" : message;
  }
}

/** Declares a queue over AMQP with TLS as a user, and deletes it again. @returns whether the broker allowed it, or the message of another error */
export async function declareAs(
  { broker, member, ca }: LdapSubject,
  { name, password }: Login,
  queue: string,
): Promise<string> {
  const server = { protocol: "amqps", hostname: member.address, port: broker.tlsPort, vhost: "/" };
  const connection = await connect({ ...server, username: name, password }, { ca: [Buffer.from(ca)] });
  try {
    const channel = await connection.createChannel();
    // A refusal closes the channel, which emits an error too.
    channel.on("error", () => {});
    await channel.assertQueue(queue);
    await channel.deleteQueue(queue);
    return "allowed";
  } catch (error) {
    const { message } = error as Error;
    return /ACCESS[-_]REFUSED/.test(message) ? "refused" : message;
  } finally {
    await connection.close();
  }
}

/** The HTTP status of the management API's answer to a user. */
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

/** The settings of a broker's config file after a change of its `ldap` config, as Erlang terms. */
function ldapTerms({ cluster, broker }: LdapSubject, ldap: LdapChange): Term {
  if (!broker.ldap) throw new TypeError("no ldap");
  const changed = { ...broker.ldap, ...ldap } as LdapConfig;
  return configTerms(brokerSettings(cluster, { ...broker, ldap: changed }, nodeTimeoutMsOf({}, broker)));
}

/**
 * Gives the running broker other LDAP settings during some work: those of its config file after the change, but without the restart.
 * Restarts the directory, so that no old connection is used again.
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
  // Previous `ssl_options` must not stay if the change has none.
  const evaluated = `
    File = ${formatTerm(ldapTerms(subject, change))},
    Rabbit = proplists:get_value(rabbit, File),
    Own = proplists:get_value(rabbitmq_auth_backend_ldap, File),
    Tls = lists:ukeymerge(1, ${formatTerm(expected)}, lists:keysort(1, proplists:get_value(ssl_options, Own, []))),
    application:set_env(rabbit, auth_backends, proplists:get_value(auth_backends, Rabbit)),
    [application:set_env(rabbitmq_auth_backend_ldap, Key, Value) || {Key, Value} <- Own],
    application:set_env(rabbitmq_auth_backend_ldap, ssl_options, Tls).`;
  await on(subject.member.name, render(rabbitmqctl("eval", evaluated.replace(/\s*\n\s*/g, " ").trim())));
  await on(subject.server, restartDirectory);
}

/** systemd counts starts, and refuses the sixth in ten seconds. */
export const restartDirectory = "systemctl reset-failed slapd && systemctl restart slapd";

/**
 * Waits until the broker has logged a line during some work. The LDAP user logs in repeatedly until then: the broker's pool may just have lost
 * a connection, and then the broker logs that instead. @throws if the line never appears
 */
export async function loggedDuring(subject: LdapSubject, expected: RegExp, work: () => Promise<void>): Promise<void> {
  const host = subject.member.name;
  const log = `/var/log/rabbitmq/rabbit@${host}.log`;
  const size = await textOf(host, `stat -c %s ${log}`);
  await work();
  let text = "";
  await until(`the broker's log contains ${expected}`, 20_000, async () => {
    text = await textOf(host, `tail -c +${Number(size) + 1} ${log}`);
    if (expected.test(text)) return true;
    await amqpLogin(subject, subject.person);
    return false;
  }).catch((error: Error) => {
    throw new Error(`${error.message}; the log:\n${text}`);
  });
}
