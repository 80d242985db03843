import { awaitWhole, describeLack, type Lack } from "../../scripts/inspect/wholeness.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { Scene } from "./scene.ts";
import { tapQueue } from "./tap.ts";

export interface QueueAnswer {
  readonly name: string;
  readonly state?: string;
  readonly slave_nodes?: readonly string[];
  readonly synchronised_slave_nodes?: readonly string[];
  /** Of quorum queues. */
  readonly members?: readonly string[];
  readonly online?: readonly string[];
}

const askEveryMs = 250;

/**
 * Waits until a lab is what it was before a fault: its cluster whole, as planned work waits for it, and the queue of the tap in step on every member.
 *
 * @param onMissing told each thing that it lacks
 * @returns what it lacks when the time is over; undefined where it lacks nothing
 * @throws the signal's reason
 */
export async function awaitTapped(
  scene: Scene,
  withinMs: number,
  signal?: AbortSignal,
  onMissing: (missing: string) => void = () => {},
): Promise<string | undefined> {
  const { lab, members } = scene;
  const deadlineMs = performance.now() + withinMs;
  const onLack = (lack: Lack) => onMissing(describeLack(lack));
  const lack = await awaitWhole(lab, { hosts: members, withinMs, signal, onLack });
  if (lack) return describeLack(lack);
  const isInStep = () => isTapInStep(scene).catch(() => false);
  const leftMs = deadlineMs - performance.now();
  return (await poll(isInStep, { everyMs: askEveryMs, withinMs: leftMs, signal }))
    ? undefined
    : `${tapQueue} lacks replicas in step`;
}

async function isTapInStep({ members, management }: Scene): Promise<boolean> {
  const queues = (await management.get(members[0] ?? "")?.ask("queues")) as QueueAnswer[];
  const tap = queues.find(({ name }) => name === tapQueue);
  return tap !== undefined && isReplicated(tap, members.length);
}

/** On every member: as mirrors in step, or as replicas of a quorum queue. */
export function isReplicated(queue: QueueAnswer, count: number): boolean {
  const { state, slave_nodes = [], synchronised_slave_nodes = [], online = [] } = queue;
  const mirrored = slave_nodes.length === count - 1 && synchronised_slave_nodes.length === count - 1;
  const replicated = queue.members ? queue.members.length === count && online.length === count : mirrored;
  return state === "running" && replicated;
}
