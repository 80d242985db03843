import { UserError } from "../../../agents/lib/errors.ts";
import { deadLetterQueue } from "../../../agents/lib/topology.ts";
import type { StackConfig } from "../../../infra/config/index.ts";
import { ledgerHostOf } from "../../../infra/model/agent-queues.ts";
import { poll } from "../../lib/poll.ts";
import { type Carrier, carrierOfQueue, ownPrefix } from "./carrier.ts";
import type { Move } from "./move.ts";
import { openWayIn, type Side, startShovel, stopShovel } from "./side.ts";

/** Statistics are up to five seconds old: empty twice, so far apart, is empty. */
const lookEveryMs = 5500;
const emptyInRow = 2;

type DrainedMove = Pick<Move, "from" | "to" | "runner" | "say" | "signal" | "waitMs" | "config">;

export interface Drained {
  /** Queues that were carried, with what was in them at the first look. */
  readonly carried: Readonly<Record<string, number>>;
  /** What stays behind, and why. */
  readonly left: readonly string[];
}

/** Carries what is left in the queues of the old cluster into those of the same name at the new one, until nothing is. */
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
        left.add(`queue ${name}: ${messages} messages, and ${to.cluster.name} has no such queue`);
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
  if (!(await poll(isDrained, { everyMs: lookEveryMs, withinMs: waitMs, signal }))) {
    throw new UserError(
      from.cluster.name,
      `holds messages still: ${full.map(({ name }) => name).join(", ")}`,
      `the same command goes on; ./warren logs -s ${from.stack} --host ${to.hosts[0]} says why`,
    );
  }
  for (const { carrier } of carried.values()) await stopShovel(runner, carrier);
  return { carried: Object.fromEntries([...carried].map(([name, { messages }]) => [name, messages])), left: [...left] };
}

/** Of a move that was turned back half way: they would carry what comes here away again. */
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

/** What a ledger holds is carried all the time; what one connection alone has goes with it. */
const isCarried = ({ name, exclusive }: QueueFacts): boolean =>
  !exclusive && ledgerHostOf(name) === undefined && !name.startsWith(ownPrefix);

/** Queues that hold messages, with their numbers: what is carried all the time left out. */
export async function queuesHolding(side: Side): Promise<string[]> {
  const found = (await queuesOf(side)).filter((queue) => isCarried(queue) && queue.messages > 0);
  return found.map(({ name, messages }) => `${name} ${messages}`);
}

/** Clients that speak to this cluster still, by where they come from: dispatchers and shovels of the two clusters are none. */
export async function clientsOf(side: Side, { hosts, brokers, announcements }: StackConfig): Promise<string[]> {
  const members = [announcements.broker, announcements.beside ?? ""].flatMap((name) => brokers[name]?.members ?? []);
  const own = new Set(["127.0.0.1", ...members.map((host) => hosts[host]?.address)]);
  const found = (await side.get("connections")) as { user?: string; peer_host?: string }[];
  const others = found.filter(({ peer_host: peer }) => !own.has(peer));
  return [...new Set(others.map(({ user = "?", peer_host: peer = "?" }) => `${user} from ${peer}`))].toSorted();
}
