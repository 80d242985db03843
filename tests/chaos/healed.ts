import { virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { Scene } from "./scene.ts";

interface NodeAnswer {
  readonly name: string;
  readonly running: boolean;
  readonly partitions?: readonly string[];
  readonly mem_alarm?: boolean;
  readonly disk_free_alarm?: boolean;
}

export interface QueueAnswer {
  readonly name: string;
  readonly state?: string;
  readonly slave_nodes?: readonly string[];
  readonly synchronised_slave_nodes?: readonly string[];
  /** For quorum queues. */
  readonly members?: readonly string[];
  readonly online?: readonly string[];
}

const askEveryMs = 250;
const units = ["rabbitmq-server", "keepalived", "warren-dispatcher"] as const;

export interface HealedOptions {
  readonly withinMs: number;
  readonly signal?: AbortSignal;
  /** One more queue that must exist, besides the agents'. */
  readonly queue?: string;
  /** Called with the problem at each check. */
  onMissing?(missing: string): void;
}

/**
 * Waits until a lab has recovered from a fault: members run and know each other, all replicas are synchronised, no alarms, the preferred
 * host holds the virtual IP alone, and dispatchers run on every member.
 *
 * @returns the problem that remains after the time; undefined if there is none
 */
export async function awaitHealed(
  scene: Scene,
  { withinMs, signal, queue, onMissing }: HealedOptions,
): Promise<string | undefined> {
  let missing: string | undefined = "not checked";
  const isWhole = async (): Promise<boolean> => {
    missing = await whatIsMissing(scene, queue);
    if (missing !== undefined) onMissing?.(missing);
    return missing === undefined;
  };
  await poll(isWhole, { everyMs: askEveryMs, withinMs, signal });
  return missing;
}

async function whatIsMissing(scene: Scene, wanted: string | undefined): Promise<string | undefined> {
  const { lab, config, members, management } = scene;
  try {
    const answers = await Promise.all(
      members.map(async (host) =>
        nodesMissing(host, members.length, (await management.get(host)?.ask("nodes")) as NodeAnswer[]),
      ),
    );
    const problem = answers.find((answer) => answer !== undefined);
    if (problem !== undefined) return problem;
    const [first = ""] = members;
    const queues = (await management.get(first)?.ask("queues")) as QueueAnswer[];
    const behind = queues.find((queue) => queue.name.startsWith("cmc.") && !isReplicated(queue, members.length));
    if (behind) return `${behind.name} has unsynchronised replicas`;
    if (wanted !== undefined && !queues.some(({ name }) => name === wanted)) return `${wanted} is missing`;
    const holders = await virtualIpHolders(lab, config);
    if (holders.length !== 1) return `the virtual IP is on ${holders.join(" and ") || "no host"}`;
    if (holders[0] !== first) return `the virtual IP is on ${holders[0]}, not on ${first}`;
    for (const host of members) await scene.on(host, `systemctl is-active ${units.join(" ")}`);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The first problem of the cluster that a member reports. */
export function nodesMissing(host: string, count: number, nodes: readonly NodeAnswer[]): string | undefined {
  if (nodes.length !== count) return `${host} knows ${nodes.length} members`;
  for (const { name, running, partitions = [], mem_alarm, disk_free_alarm } of nodes) {
    if (!running) return `${host} reports that ${name} is not running`;
    if (partitions.length > 0) return `${host} reports that ${name} is partitioned from ${partitions.join(", ")}`;
    if (mem_alarm || disk_free_alarm) return `${name} has a ${mem_alarm ? "memory" : "disk"} alarm`;
  }
  return undefined;
}

/** On every member, as synchronised mirrors or as members of a quorum queue. */
export function isReplicated(queue: QueueAnswer, count: number): boolean {
  const { state, slave_nodes = [], synchronised_slave_nodes = [], online = [] } = queue;
  const mirrored = slave_nodes.length === count - 1 && synchronised_slave_nodes.length === count - 1;
  const replicated = queue.members ? queue.members.length === count && online.length === count : mirrored;
  return state === "running" && replicated;
}
