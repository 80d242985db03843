import { always, type Command, not, or, run, to } from "./command.ts";

/**
 * The CLI itself, as the broker's user. Debian's `rabbitmqctl` wrapper passes its arguments through a shell once more
 * when root calls it, so a `$` in them would be executed. Erlang reads its working directory as it starts, and newer ones end where they
 * may not, as in root's home.
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

/** Waits until the local node serves. */
export function awaitNode(timeoutSeconds: number): Command {
  return to("/dev/null", rabbitmqctl("await_startup", "--timeout", String(timeoutSeconds)));
}

/** Starts the broker in a node whose Erlang VM runs without it; a node that serves is left alone. */
export function startBroker(): Command {
  return to("/dev/null", rabbitmqctl("start_app"));
}

/** Makes what a file of definitions has and the cluster hasn't, and sets what differs. Takes nothing away. */
export function importDefinitions(file: string): Command {
  return to("/dev/null", rabbitmqctl("import_definitions", file));
}

/** Has every client of a user connect anew. What they had not acked comes again. */
export function closeConnections(user: string, reason: string): Command {
  return to("/dev/null", rabbitmqctl("close_all_user_connections", user, reason));
}

/** Has the local node read certificate files anew, at once and without a restart. */
export function clearPemCache(): Command {
  return to("/dev/null", rabbitmqctl("eval", "ssl:clear_pem_cache()."));
}

/**
 * Has the node that runs take the cookie in a file for its own. What is connected stays so, as cookies are compared when a connection is made; members
 * that have not been told yet are let in again when they have. Where the CLI has no way to the node, it may have been told before.
 */
export function takeCookie(unit: string, file: string): Command {
  const take = `{ok, B} = file:read_file("${file}"), erlang:set_cookie(node(), binary_to_atom(string:trim(B), latin1)).`;
  return or(isDown(unit), to("/dev/null", rabbitmqctl("eval", take)), run("true"));
}

/** The CLI, which reads the file, has a way to the node that runs: it has the same cookie. */
export function requireCookie(unit: string): Command {
  const said = `the node that runs has another cookie than its file: systemctl restart ${unit}, when all other members serve`;
  return or(
    isDown(unit),
    to("/dev/null", rabbitmqctl("eval", "ok.")),
    always(to("/dev/stderr", run("echo", said)), run("false")),
  );
}

const isDown = (unit: string): Command => not(run("systemctl", "--quiet", "is-active", unit));
