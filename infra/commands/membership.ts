import { always, and, as, type Command, not, or, run, to } from "./command.ts";
import { awaitNode, beforeStop, rabbitmqctl } from "./rabbitmq.ts";

// Conditions that shell can't express are Erlang expressions. A failed match gives an exit code other than 0.

export const nodeOf = (host: string): string => `rabbit@${host}`;

/** A node's data folder, which its first start creates. */
const dataFolder = "/var/lib/rabbitmq/mnesia";
/** Where the data of a node that its cluster has forgotten are moved; earlier folders stay, numbered. */
const forgottenFolder = `${dataFolder}.forgotten`;

/** Seconds for one CLI command: stopping the broker inside a node waits for its queues. */
const cliSeconds = 60;

const atom = (host: string): string => `'${nodeOf(host)}'`;
const atoms = (hosts: readonly string[]): string => `[${hosts.map(atom).join(",")}]`;

/** Succeeds if an expression matches, evaluated on the local node or that of another host. */
function holds(expression: string, at?: string): Command {
  return to("/dev/null", cli(...(at === undefined ? [] : ["-n", nodeOf(at)]), "eval", `${expression}.`));
}

/** One CLI command with a time limit. */
function cli(...words: readonly string[]): Command {
  const command = rabbitmqctl(...words);
  if (command.kind !== "run") throw new TypeError("the CLI is one program");
  return run("timeout", "--kill-after=5", String(cliSeconds), ...command.argv);
}

const members = "rabbit_mnesia:cluster_nodes(all)";

/** Whether another node is running and established, that is in a cluster or with queues. A stopped node's knowledge is stale. */
const isEstablished =
  "fun(N) -> rpc:call(N, rabbit, is_running, [], 5000) =:= true andalso case rpc:call(N, rabbit_mnesia, cluster_nodes, [all], 5000) of " +
  "[_, _ | _] -> true; [_] -> case rpc:call(N, rabbit_amqqueue, list, [], 5000) of [_ | _] -> true; _ -> false end; _ -> false end end";

/** Adds replicas of every quorum queue on the local node. Existing ones stay. */
const growHere = 'rabbit_quorum_queue:grow(node(), <<".*">>, <<".*">>, all)';

export interface Membership {
  /** This host's name. */
  readonly host: string;
  /** The other members, in the order of the config. */
  readonly others: readonly string[];
  /** The other members before this host in the config. */
  readonly earlier: readonly string[];
  /** Quorum queues need a command to use a new member; mirrored ones follow their policy. */
  readonly quorum: boolean;
}

/** The membership of a host. @param members all members, in the order of the config */
export const membershipAmong = (members: readonly string[], host: string, quorum: boolean): Membership => ({
  ...{ host, quorum },
  others: members.filter((other) => other !== host),
  earlier: members.slice(0, members.indexOf(host)),
});

/**
 * Makes the local node a member of its cluster if it isn't: nodes that started in the same second may each have formed their own cluster. A
 * node that holds messages or is in another cluster is never reset; the command then fails with instructions.
 */
export function joinCluster({ host, others, earlier, quorum }: Membership): Command {
  if (others.length === 0) return run("true");
  const isTogether = `lists:any(fun(N) -> lists:member(N, ${members}) end, ${atoms(others)})`;
  // The other nodes join the first in the list, unless they already have a cluster.
  const isSettled =
    earlier.length > 0 ? isTogether : `${isTogether} orelse not lists:any(${isEstablished}, ${atoms(others)})`;
  const settled = holds([`true = (${isSettled})`, ...(quorum ? [growHere] : [])].join(", "));
  const established = others.map((other) => and(holds(`true = (${isEstablished})(${atom(other)})`), join(other)));
  const first = earlier.map((other) =>
    and(holds(`true = rpc:call(${atom(other)}, rabbit, is_running, [], 5000)`), join(other)),
  );
  return or(settled, and(or(...established, ...first, cannotJoin(host, others)), settled));
}

/** Only for a node that is alone and holds no message, because a reset deletes everything. */
function join(other: string): Command {
  const messages =
    "lists:sum([M || V <- rabbit_vhost:list_names(), [{messages, M}] <- rabbit_amqqueue:info_all(V, [messages])])";
  return and(
    holds(`true = ${members} =:= [node()], true = ${messages} =:= 0`),
    stopApp,
    quiet("reset"),
    or(quiet("join_cluster", nodeOf(other)), and(quiet("start_app"), run("false"))),
    quiet("start_app"),
  );
}

/** As `rabbitmqctl stop_app`. */
const stopApp = holds(`${beforeStop}, rabbit:stop()`);

const quiet = (...words: readonly string[]): Command => to("/dev/null", cli(...words));

function cannotJoin(host: string, others: readonly string[]): Command {
  const message =
    `${host} is not in a cluster with ${others.join(", ")} and can't join one: none of them answers, or ${host} holds messages or is in ` +
    `another cluster. Run \`rabbitmqctl cluster_status\` on each; to discard the data of ${host}: rabbitmqctl stop_app, reset, start_app`;
  return always(to("/dev/stderr", run("echo", message)), run("false"));
}

/**
 * Removes nodes that the config doesn't name from the cluster, by a remaining member: first their replicas, then the broker inside a node that
 * still runs, then the member. Must precede anything that cuts such a node off: it could then no longer leave, and queues would miss its replicas.
 *
 * @param unit without which there is nothing to do: the host is only now becoming a member
 */
export function dismissOthers(unit: string, { host, others, quorum }: Membership): Command {
  const strangers = `${members} -- ${atoms([host, ...others])}`;
  const dismiss = [
    ...(quorum ? ["rabbit_quorum_queue:shrink_all(N)"] : []),
    "rpc:call(N, rabbit, stop, [], 60000)",
    // Another member may have done it already; the outcome counts.
    "catch rabbit_mnesia:forget_cluster_node(N, false)",
    // Its Erlang VM stops as well: at its next start the node reports at once that no cluster knows it.
    "rpc:call(N, init, stop, [], 5000)",
  ].join(", ");
  const gone = holds(`[begin ${dismiss} end || N <- ${strangers}], [] = ${strangers}`);
  return or(not(run("systemctl", "--quiet", "is-active", unit)), gone);
}

/**
 * Removes the local node from its cluster: first its replicas, then the member. If the node does not respond, another member forgets it. The
 * last member has nothing to leave. Always succeeds within a few minutes, because nothing that is being removed may wait for it.
 */
export function leaveCluster({ host, others, quorum }: Membership): Command {
  const alone = holds(`true = ${members} =:= [node()]`);
  const leave = and(
    ...(quorum ? [or(holds("rabbit_quorum_queue:shrink_all(node())"), run("true"))] : []),
    stopApp,
    // By force if the others have already removed it.
    or(quiet("reset"), quiet("force_reset")),
  );
  return or(alone, leave, ...others.map((other) => forget(host, other)), run("true"));
}

/** Another member removes a stopped node and its replicas of quorum queues from the cluster. */
const forget = (host: string, other: string): Command =>
  quiet("-n", nodeOf(other), "forget_cluster_node", nodeOf(host));

/**
 * Starts a member's node. A node that lost its data is still known to the others, and a node that the others have forgotten still knows them;
 * neither starts by itself. The first is forgotten before it starts, so that it can join as a new member. The data of the second are moved
 * aside, so that it can join as well; all other members must have forgotten it, because one that started from scratch knows no other node.
 *
 * @param start starts or restarts the unit
 */
export function startMember(start: Command, unit: string, { host, others }: Membership): Command {
  const serve = and(start, awaitNode(120));
  if (others.length === 0) return serve;
  const hasData = run("test", "-e", `${dataFolder}/${nodeOf(host)}/schema.DAT`);
  const isForgotten = and(...others.map((other) => holds(`false = lists:member(${atom(host)}, ${members})`, other)));
  return and(
    or(hasData, ...others.map((other) => forget(host, other)), run("true")),
    or(
      serve,
      and(
        hasData,
        isForgotten,
        run("systemctl", "stop", unit),
        as("rabbitmq", run("mv", "--no-target-directory", "--backup=numbered", dataFolder, forgottenFolder)),
        run("systemctl", "reset-failed", unit),
        serve,
      ),
    ),
  );
}

/** Seconds for replicas to catch up; a queue of a million messages takes about one second. */
const syncSeconds = 120;

/**
 * Waits until every queue has all its replicas: each member of a quorum queue is online, each mirrored queue has a synchronised mirror. The
 * gate before and after a member's restart: brokers restart in turn, and each waits until the previous one has caught up. A mirror whose node
 * is stopped is not waited for.
 */
export function awaitReplicas({ others, quorum }: Membership): Command {
  if (others.length === 0) return run("true");
  const lagging = quorum
    ? "[M || V <- rabbit_vhost:list_names(), [{members, M}, {online, O}] <- rabbit_amqqueue:info_all(V, [members, online]), " +
      "is_list(M), is_list(O), length(O) < length(M)]"
    : "lists:append([L || [_, _ | _] = R <- [rabbit_mnesia:cluster_nodes(running)], N <- R, " +
      "L <- [rpc:call(N, rabbit_amqqueue, list_local_mirrored_classic_without_synchronised_mirrors, [])], is_list(L)])";
  const poll = `case ${lagging} of [] -> ok; _ when T > 0 -> timer:sleep(500), F(T - 1) end`;
  const complete = to("/dev/null", rabbitmqctl("eval", `(fun F(T) -> ${poll} end)(${syncSeconds * 2}).`));
  const message =
    `some queues still lack replicas after ${syncSeconds} s, so no broker is restarted; check whether a member is down with ` +
    "`rabbitmqctl cluster_status` and `rabbitmqctl list_queues name type members online slave_nodes synchronised_slave_nodes`";
  return or(complete, always(to("/dev/stderr", run("echo", message)), run("false")));
}

/** `awaitReplicas` before a restart. A stopped node needs no gate. */
export function gateRestart(unit: string, membership: Membership): Command {
  return or(not(run("systemctl", "--quiet", "is-active", unit)), awaitReplicas(membership));
}
