import { UserError } from "../../../agents/lib/errors.ts";
import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { ledgerHostOf } from "../../../infra/model/agent-queues.ts";
import { poll } from "../../lib/poll.ts";
import { type Carrier, carrierOfQueue, ownPrefix } from "./carrier.ts";
import type { Move } from "./move.ts";
import { openWayIn, type Side, startShovel, stopShovel } from "./side.ts";

/** Statistics are up to five seconds old, so a queue is empty if it is so in two checks this far apart. */
const checkEveryMs = 5500;
const emptyInRow = 2;

type DrainedMove = Pick<Move, "from" | "to" | "runner" | "say" | "signal" | "waitMs" | "config">;

export interface Drained {
  /** Queues that were carried, with their message counts at the first check. */
  readonly carried: Readonly<Record<string, number>>;
  /** Queues that stay behind, and why. */
  readonly left: readonly string[];
}

/** Moves the messages left in the queues of the old cluster to the queues of the same name on the new one, until the old queues are empty. */
export async function drain(move: DrainedMove): Promise<Drained> {
  const { from, to, runner, say, signal, waitMs, config } = move;
  const { inputQueue, pullQueue } = config.announcements;
  const always = new Set([inputQueue, pullQueue, deadLetterQueue]);
  await stopOthers(runner);
  const there = new Set((await queuesOf(to)).map(({ name }) => name));
  const left = new Set<string>();
  const carried = new Map<string, { carrier: Carrier; messages: number }>();
  let good = 0;
  let full: Awaited<ReturnType<typeof queuesOf>> = [];
  const isDrained = async (): Promise<boolean> => {
    const found = (await queuesOf(from)).filter(isCarried);
    for (const { name, messages } of found) {
      if (carried.has(name) || (messages === 0 && !always.has(name))) continue;
      if (!there.has(name)) {
        left.add(`queue ${name} with ${messages} messages: ${to.cluster.name} has no such queue`);
        continue;
      }
      const carrier = carrierOfQueue(name);
      await openWayIn(to, carrier);
      await startShovel(runner, carrier, from, to);
      carried.set(name, { carrier, messages });
    }
    full = found.filter(({ name, messages }) => carried.has(name) && messages > 0);
    good = full.length === 0 ? good + 1 : 0;
    if (full.length > 0)
      say(`left on ${from.cluster.name}: ${full.map(({ name, messages }) => `${name} ${messages}`).join(", ")}`);
    return good >= emptyInRow;
  };
  if (!(await poll(isDrained, { everyMs: checkEveryMs, withinMs: waitMs, signal }))) {
    throw new UserError(
      from.cluster.name,
      `still holds messages: ${full.map(({ name }) => name).join(", ")}`,
      `find the cause with ./warren logs -s ${from.stack} --host ${to.hosts[0]}, then run the same command again to continue`,
    );
  }
  for (const { carrier } of carried.values()) await stopShovel(runner, carrier);
  return { carried: Object.fromEntries([...carried].map(([name, { messages }]) => [name, messages])), left: [...left] };
}

/** Stops the shovels of a move that was reversed half way: they would carry new messages away again. */
async function stopOthers(runner: Side): Promise<void> {
  const found = ((await runner.get("parameters", "shovel", "/")) ?? []) as { name: string }[];
  const isLeft = (name: string) =>
    name.startsWith(ownPrefix) && ledgerHostOf(name.slice(ownPrefix.length)) === undefined;
  for (const { name } of found) if (isLeft(name)) await stopShovel(runner, { name });
}

interface QueueFacts {
  readonly name: string;
  readonly messages: number;
  readonly exclusive: boolean;
}

async function queuesOf(side: Side): Promise<QueueFacts[]> {
  const found = (await side.get("queues", "/")) as { name: string; messages?: number; exclusive?: boolean }[];
  return found.map(({ name, messages = 0, exclusive = false }) => ({ name, messages, exclusive }));
}

/** Ledgers are carried continuously, and exclusive queues disappear with their connections; neither is drained. */
const isCarried = ({ name, exclusive }: QueueFacts): boolean =>
  !exclusive && ledgerHostOf(name) === undefined && !name.startsWith(ownPrefix);

/** Queues to be drained that hold messages, with their counts. */
export async function queuesHolding(side: Side): Promise<string[]> {
  const found = (await queuesOf(side)).filter((queue) => isCarried(queue) && queue.messages > 0);
  return found.map(({ name, messages }) => `${name} ${messages}`);
}

/** Clients that are still connected to this cluster, with their addresses; dispatchers and shovels of the two clusters do not count. */
export async function clientsOf(side: Side, { hosts, brokers, announcements }: StackConfig): Promise<string[]> {
  const members = [announcements.broker, announcements.beside ?? ""].flatMap((name) => brokers[name]?.members ?? []);
  const own = new Set(["127.0.0.1", ...members.map((host) => hosts[host]?.address)]);
  const found = (await side.get("connections")) as { user?: string; peer_host?: string }[];
  const others = found.filter(({ peer_host: peer }) => !own.has(peer));
  return [...new Set(others.map(({ user = "?", peer_host: peer = "?" }) => `${user} from ${peer}`))].toSorted();
}
