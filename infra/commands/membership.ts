import { always, and, as, type Command, not, or, run, to } from "./command.ts";
import { awaitNode, rabbitmqctl } from "./rabbitmq.ts";

// What the shell can't say is said in Erlang and answered by an exit code: an expression that does not match fails.

export const nodeOf = (host: string): string => `rabbit@${host}`;

/** Where a node keeps everything; made by its first start. */
const dataFolder = "/var/lib/rabbitmq/mnesia";
/** Folder for the data of a node that its cluster has forgotten; earlier ones stay, numbered. */
const forgottenFolder = `${dataFolder}.forgotten`;

/** Seconds for one order to a node: stopping the broker inside it waits for its queues. */
const orderSeconds = 60;

const atom = (host: string): string => `'${nodeOf(host)}'`;
const atoms = (hosts: readonly string[]): string => `[${hosts.map(atom).join(",")}]`;

/** Succeeds where an expression matches, told by the local node or by that of another host. */
function holds(expression: string, at?: string): Command {
  return to("/dev/null", order(...(at === undefined ? [] : ["-n", nodeOf(at)]), "eval", `${expression}.`));
}

/** One order of the CLI, which never hangs. */
function order(...words: readonly string[]): Command {
  const command = rabbitmqctl(...words);
  if (command.kind !== "run") throw new TypeError("the CLI is one program");
  return run("timeout", "--kill-after=5", String(orderSeconds), ...command.argv);
}

const members = "rabbit_mnesia:cluster_nodes(all)";

/** Whether another node serves and is more than one that has just begun: in a cluster, or with queues. What a stopped one believes is stale. */
const hasLife =
  "fun(N) -> rpc:call(N, rabbit, is_running, [], 5000) =:= true andalso case rpc:call(N, rabbit_mnesia, cluster_nodes, [all], 5000) of " +
  "[_, _ | _] -> true; [_] -> case rpc:call(N, rabbit_amqqueue, list, [], 5000) of [_ | _] -> true; _ -> false end; _ -> false end end";

/** Replicas of every quorum queue on the local node, too; what is there stays. */
const growHere = 'rabbit_quorum_queue:grow(node(), <<".*">>, <<".*">>, all)';

export interface Membership {
  /** This host's name. */
  readonly host: string;
  /** The other members, in the config's order. */
  readonly others: readonly string[];
  /** Those of them that come before this host in the config. */
  readonly earlier: readonly string[];
  /** Quorum queues must be told to use a new member; mirrored ones follow their policy. */
  readonly quorum: boolean;
}

/** A host's among all members, in the config's order. */
export const membershipAmong = (members: readonly string[], host: string, quorum: boolean): Membership => ({
  ...{ host, quorum },
  others: members.filter((other) => other !== host),
  earlier: members.slice(0, members.indexOf(host)),
});

/**
 * Makes the local node a member of its cluster where it is not: nodes that started in the same second may each have begun a cluster of
 * their own. One that holds messages, or is in a cluster already, never gives that up: it fails with what to do.
 */
export function joinCluster({ host, others, earlier, quorum }: Membership): Command {
  if (others.length === 0) return run("true");
  const isTogether = `lists:any(fun(N) -> lists:member(N, ${members}) end, ${atoms(others)})`;
  // The first in the list is whom the others join, unless they have a cluster already.
  const isSettled =
    earlier.length > 0 ? isTogether : `${isTogether} orelse not lists:any(${hasLife}, ${atoms(others)})`;
  const settled = holds([`true = (${isSettled})`, ...(quorum ? [growHere] : [])].join(", "));
  const established = others.map((other) => and(holds(`true = (${hasLife})(${atom(other)})`), join(other)));
  const first = earlier.map((other) =>
    and(holds(`true = rpc:call(${atom(other)}, rabbit, is_running, [], 5000)`), join(other)),
  );
  return or(settled, and(or(...established, ...first, cannotJoin(host, others)), settled));
}

/** Only from a node that is alone and holds no message: resetting takes everything. */
function join(other: string): Command {
  const messages =
    "lists:sum([M || V <- rabbit_vhost:list_names(), [{messages, M}] <- rabbit_amqqueue:info_all(V, [messages])])";
  return and(
    holds(`true = ${members} =:= [node()], true = ${messages} =:= 0`),
    quiet("stop_app"),
    quiet("reset"),
    or(quiet("join_cluster", nodeOf(other)), and(quiet("start_app"), run("false"))),
    quiet("start_app"),
  );
}

const quiet = (...words: readonly string[]): Command => to("/dev/null", order(...words));

function cannotJoin(host: string, others: readonly string[]): Command {
  const said =
    `${host} is in no cluster with ${others.join(", ")}, and can't join by itself: none of them answers, or it holds messages or is in ` +
    `another cluster. Look at \`rabbitmqctl cluster_status\` on each; what ${host} has is given up by: rabbitmqctl stop_app, reset, start_app`;
  return always(to("/dev/stderr", run("echo", said)), run("false"));
}

/**
 * Takes nodes that the config doesn't name out of the cluster, from a member that stays: replicas first, then the broker inside the node where it
 * still runs, then the member. Comes before anything that shuts such a node out: cut off it couldn't leave, and queues would miss its replicas.
 *
 * @param unit without which there is nothing to do: a host that is only now made a member
 */
export function dismissOthers(unit: string, { host, others, quorum }: Membership): Command {
  const strangers = `${members} -- ${atoms([host, ...others])}`;
  const dismiss = [
    ...(quorum ? ["rabbit_quorum_queue:shrink_all(N)"] : []),
    "rpc:call(N, rabbit, stop, [], 60000)",
    // Another member may have been quicker; what counts is the outcome.
    "catch rabbit_mnesia:forget_cluster_node(N, false)",
    // Its Erlang VM, too: started again it says at once that nobody knows it.
    "rpc:call(N, init, stop, [], 5000)",
  ].join(", ");
  const gone = holds(`[begin ${dismiss} end || N <- ${strangers}], [] = ${strangers}`);
  return or(not(run("systemctl", "--quiet", "is-active", unit)), gone);
}

/**
 * Takes the local node out of its cluster, as tidily as it goes: replicas first, then the member. Where the node can't be asked, another
 * member forgets it. The last one has nobody to leave. Always succeeds within a few minutes: nothing that is taken down waits for it.
 */
export function leaveCluster({ host, others, quorum }: Membership): Command {
  const alone = holds(`true = ${members} =:= [node()]`);
  const leave = and(
    ...(quorum ? [or(holds("rabbit_quorum_queue:shrink_all(node())"), run("true"))] : []),
    quiet("stop_app"),
    // By force where the others have dismissed it already.
    or(quiet("reset"), quiet("force_reset")),
  );
  return or(alone, leave, ...others.map((other) => forget(host, other)), run("true"));
}

/** Another member takes a node that doesn't run, and its replicas of quorum queues, off the cluster. */
const forget = (host: string, other: string): Command =>
  quiet("-n", nodeOf(other), "forget_cluster_node", nodeOf(host));

/**
 * Starts a member's node. One that has lost its data is still known to the others, and one that they have forgotten still knows them:
 * neither gets up by itself. The first is forgotten before it starts, so that it can join as a new one; the data of the second are put
 * beside, so that it can, too. All others have to say so: one that has itself begun anew knows nobody.
 *
 * @param start what starts or restarts the unit
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

/** Seconds for replicas to catch up; a queue of a million messages takes about one of them. */
const syncSeconds = 120;

/**
 * Waits until every queue has all its replicas: each member of a quorum queue online, each mirrored queue with a mirror in step. The gate
 * before and after a member's restart: brokers take turns, and each waits for what the one before it has to catch up with. Where a mirror's
 * node doesn't run there is no mirror to wait for.
 */
export function awaitReplicas({ others, quorum }: Membership): Command {
  if (others.length === 0) return run("true");
  const lagging = quorum
    ? "[M || V <- rabbit_vhost:list_names(), [{members, M}, {online, O}] <- rabbit_amqqueue:info_all(V, [members, online]), " +
      "is_list(M), is_list(O), length(O) < length(M)]"
    : "lists:append([L || [_, _ | _] = R <- [rabbit_mnesia:cluster_nodes(running)], N <- R, " +
      "L <- [rpc:call(N, rabbit_amqqueue, list_local_mirrored_classic_without_synchronised_mirrors, [])], is_list(L)])";
  const look = `case ${lagging} of [] -> ok; _ when T > 0 -> timer:sleep(500), F(T - 1) end`;
  const whole = to("/dev/null", rabbitmqctl("eval", `(fun F(T) -> ${look} end)(${syncSeconds * 2}).`));
  const said =
    `not all queues have all their replicas after ${syncSeconds} s, so no broker is restarted: is a member down? ` +
    "`rabbitmqctl cluster_status` says, and `rabbitmqctl list_queues name type members online slave_nodes synchronised_slave_nodes`";
  return or(whole, always(to("/dev/stderr", run("echo", said)), run("false")));
}

/** As `awaitReplicas`, before a restart: a node that doesn't run has nothing to lose. */
export function gateRestart(unit: string, membership: Membership): Command {
  return or(not(run("systemctl", "--quiet", "is-active", unit)), awaitReplicas(membership));
}
