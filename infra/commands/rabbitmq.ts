import { always, type Command, not, or, run, to } from "./command.ts";

/**
 * The CLI itself, as the broker's user. Debian's `rabbitmqctl` wrapper passes its arguments through another shell when root calls it, so a `$`
 * in them would be expanded. Erlang reads its working directory at start, and recent versions exit if they may not, as in root's home.
 */
export function rabbitmqctl(...words: readonly string[]): Command {
  return run(
    "runuser",
    "-u",
    "rabbitmq",
    "--",
    "env",
    "--chdir=/var/lib/rabbitmq",
    "HOME=/var/lib/rabbitmq",
    "/usr/lib/rabbitmq/bin/rabbitmqctl",
    "--quiet",
    ...words,
  );
}

/**
 * Erlang that a node of RabbitMQ 3.10 evaluates before it stops. Otherwise the management plugin's event handler, as it ends, calls the process that
 * waits for its end, and the stop takes five seconds longer. Harmless in later series.
 */
export const beforeStop = "gen_event:delete_handler(rabbit_event, rabbit_mgmt_db_handler, stop)";

/** Waits until the local node has started. */
export function awaitNode(timeoutSeconds: number): Command {
  return to("/dev/null", rabbitmqctl("await_startup", "--timeout", String(timeoutSeconds)));
}

/** Starts the broker in a node whose Erlang VM runs without it. A running broker is left alone. */
export function startBroker(): Command {
  return to("/dev/null", rabbitmqctl("start_app"));
}

/** Creates objects of a definitions file that the cluster lacks, and updates those that differ. Deletes nothing. */
export function importDefinitions(file: string): Command {
  return to("/dev/null", rabbitmqctl("import_definitions", file));
}

/** Limits of a cluster that policies can't express. */
export interface BrokerLimits {
  /** Queues on `/`. */
  readonly queuesMax: number;
  readonly users: readonly UserLimits[];
}

export interface UserLimits {
  readonly name: string;
  /** Absent: unlimited. */
  readonly limits?: { readonly connectionsMax: number; readonly channelsMax: number };
}

/** A user's limits by RabbitMQ's names. */
export const userLimits = ({ limits }: UserLimits): Readonly<Record<string, number>> =>
  limits ? { "max-connections": limits.connectionsMax, "max-channels": limits.channelsMax } : {};

export const vhostLimits = ({ queuesMax }: BrokerLimits): Readonly<Record<string, number>> => ({
  "max-queues": queuesMax,
});

/** The author of a change in the broker's log. */
const actor = '<<"warren">>';
const text = (value: string): string => `<<${JSON.stringify(value)}/utf8>>`;

/**
 * Erlang that sets the limits of vhost `/` and of all these users, in one start of the CLI. Existing connections and queues stay, even if
 * they exceed a limit. It fails for a user that doesn't exist.
 */
export function limitsExpression(limits: BrokerLimits): string {
  return [
    `ok = rabbit_vhost_limit:parse_set(<<"/">>, ${text(JSON.stringify(vhostLimits(limits)))}, ${actor})`,
    ...limits.users.map((user) =>
      user.limits
        ? `ok = rabbit_auth_backend_internal:set_user_limits(${text(user.name)}, ${text(JSON.stringify(userLimits(user)))}, ${actor})`
        : unlimited(user.name),
    ),
  ].join(", ");
}

const unlimited = (name: string): string =>
  `ok = rabbit_auth_backend_internal:clear_user_limits(${text(name)}, <<"all">>, ${actor})`;

/** Evaluates an expression in the local node. */
export const evaluate = (expression: string): Command => to("/dev/null", rabbitmqctl("eval", `${expression}.`));

/** Makes every client of a user reconnect. Unacknowledged messages are redelivered. */
export function closeConnections(user: string, reason: string): Command {
  return to("/dev/null", rabbitmqctl("close_all_user_connections", user, reason));
}

/** Makes the local node reread certificate files at once, without a restart. Erlang distribution over TLS has a cache of its own. */
export function clearPemCache(): Command {
  const distribution = "catch gen_server:call(ssl_pem_cache_dist, {unconditionally_clear_pem_cache, self()})";
  return to("/dev/null", rabbitmqctl("eval", `ssl:clear_pem_cache(), ${distribution}.`));
}

/**
 * Makes the running node adopt the cookie in a file. Existing connections stay, because cookies are compared when a connection is made; members
 * with the old cookie can connect again once they have the new one. If the CLI can't connect to the node, the node may have the new cookie already.
 */
export function adoptCookie(unit: string, file: string): Command {
  const take = `{ok, B} = file:read_file("${file}"), erlang:set_cookie(node(), binary_to_atom(string:trim(B), latin1)).`;
  return or(isDown(unit), to("/dev/null", rabbitmqctl("eval", take)), run("true"));
}

/** Fails if the CLI, which reads the cookie file, can't connect to the running node: the node then has another cookie. */
export function requireCookie(unit: string): Command {
  const message = `the running node has another cookie than its file; run systemctl restart ${unit} when all other members are up`;
  return or(
    isDown(unit),
    to("/dev/null", rabbitmqctl("eval", "ok.")),
    always(to("/dev/stderr", run("echo", message)), run("false")),
  );
}

const isDown = (unit: string): Command => not(run("systemctl", "--quiet", "is-active", unit));
