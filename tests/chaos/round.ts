import { virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { pause } from "../../scripts/lib/poll.ts";
import { longestPauseMs, type RoundRecord, takeOverMs } from "./account.ts";
import type { Evidence } from "./evidence.ts";
import type { Fault, Targets } from "./faults.ts";
import { awaitHealed } from "./healed.ts";
import type { PlannedRound } from "./plan.ts";
import type { Scene } from "./scene.ts";
import { askSteps, type Steps, type Struck } from "./steps.ts";
import { tapQueue } from "./tap.ts";

export interface RoundOptions {
  readonly scene: Scene;
  readonly fault: Fault;
  readonly planned: PlannedRound;
  readonly evidence: Evidence;
  readonly signal: AbortSignal;
  /** Names of products that rounds no longer wait for. This round adds those that it waited for in vain. */
  readonly givenUp: Set<string>;
  /** Scans the receiver folders. */
  scan(): Promise<void>;
  show(doing: string): void;
  onOpenFault?(heal: (() => Promise<unknown>) | undefined): void;
}

/**
 * A host boots, its broker joins, its replicas synchronise, and the address returns: 30 s. After a full disk broker-health finds the broker
 * unhealthy twice and restarts it: two minutes.
 */
const recoveredWithinMs = 180_000;
/** Longest wait without an arrival. The dispatcher may hold an unconfirmed product for 30 s. */
const arrivesWithinMs = 45_000;
const healTries = 3;
const pollEveryMs = 100;

/** One fault, from a healthy system to a recovered one. Returns undefined if it is aborted before the fault. */
export async function makeRound(options: RoundOptions): Promise<RoundRecord | undefined> {
  const { scene, fault, planned, evidence, signal, show } = options;
  await pause(planned.quietMs, signal);
  if (signal.aborted) return undefined;
  const targets = await targetsOf(scene, planned);
  const hosts = fault.hosts(targets, planned, scene);
  const what = `round ${planned.number}, ${fault.name} on ${hosts.join(", ")}`;
  show(what);
  const heal = () => fault.heal(scene, hosts);
  options.onOpenFault?.(heal);
  const notes: string[] = [];
  let notMade: string | undefined;
  let faultMs = Date.now();
  try {
    const injected = await fault.inject(scene, hosts, planned);
    faultMs = injected.atMs;
    notes.push(...(injected.notes ?? []));
    await pause(planned.holdMs, signal);
  } catch (error) {
    notMade = `can't inject it: ${firstLine(error)}`;
  }
  const healMs = Date.now();
  await healed(heal, notes);
  options.onOpenFault?.(undefined);
  const recovering = (problem: string) => show(`${what}, healed: ${problem}`);
  recovering("recovering");
  const problem = await awaitHealed(scene, {
    withinMs: recoveredWithinMs,
    signal,
    queue: tapQueue,
    onMissing: recovering,
  }).catch(aborted);
  if (problem === undefined) recovering("waiting for earlier products");
  const missing = problem ?? (await awaitArrivals(options));
  const recoveredMs = Date.now();
  if (problem !== undefined && !signal.aborted) notes.push(...(await lastLogs(scene)));
  const tookMs = takeOverMs(evidence.notifies, faultMs);
  return {
    number: planned.number,
    fault: fault.name,
    hosts,
    faultMs,
    healMs,
    recoveredMs,
    notes,
    missing: notMade ?? (signal.aborted ? undefined : missing),
    takeOverMs: tookMs,
    steps: tookMs === undefined ? undefined : await stepsBehind(scene, { faultMs, hosts }, tookMs, notes),
    pauseMs: longestPauseMs(evidence.notifies, faultMs),
  };
}

/** Last log lines of the brokers and their checks, if the cluster did not recover: the journals are lost with the lab. */
async function lastLogs({ members, on }: Scene): Promise<string[]> {
  const script =
    "systemctl show --property ActiveState,SubState,NRestarts --value rabbitmq-server | paste -sd ' '; " +
    "journalctl --no-pager --output cat --lines 4 --identifier broker-health; " +
    "tail --quiet --lines 6 /var/log/rabbitmq/rabbit@*.log | cut -c 1-200";
  return Promise.all(
    members.map((host) =>
      on(host, script).then(
        (output) => `${host}: ${output.split("\n").join(" | ")}`,
        (error) => `${host}: ${firstLine(error)}`,
      ),
    ),
  );
}

/** The takeover's steps. If hosts don't answer, adds a note. */
async function stepsBehind(scene: Scene, struck: Struck, tookMs: number, notes: string[]): Promise<Steps | undefined> {
  try {
    return await askSteps(scene, struck, struck.faultMs + tookMs);
  } catch (error) {
    notes.push(`the takeover's steps are unknown: ${firstLine(error)}`);
    return undefined;
  }
}

const firstLine = (error: unknown): string => (error as Error).message.split("\n")[0] ?? "";

const aborted = (): string => "aborted";

/** Retries, because a host with a fault may not answer at once. */
async function healed(heal: () => Promise<unknown>, notes: string[]): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await heal();
      return;
    } catch (error) {
      if (tries < healTries) continue;
      notes.push(`healing failed: ${firstLine(error)}`);
      return;
    }
  }
}

async function targetsOf({ lab, config, members }: Scene, { other }: PlannedRound): Promise<Targets> {
  const [found] = await virtualIpHolders(lab, config);
  const holder = found ?? members[0] ?? "";
  const others = members.filter((host) => host !== holder);
  return { holder, others, other: others[other % others.length] ?? holder };
}

/** Waits for the products written before now, while they keep arriving. Returns a message if some did not arrive. */
async function awaitArrivals({ evidence, signal, givenUp, scan }: RoundOptions): Promise<string | undefined> {
  const beforeMs = Date.now();
  const absent = () => evidence.undelivered(beforeMs).filter(({ name }) => !givenUp.has(name));
  let left = absent();
  for (let movedMs = Date.now(); left.length > 0; ) {
    if (signal.aborted || Date.now() - movedMs > arrivesWithinMs) break;
    await pause(pollEveryMs, signal);
    const still = absent();
    if (still.length < left.length) movedMs = Date.now();
    left = still;
  }
  await scan();
  if (left.length === 0 || signal.aborted) return undefined;
  for (const { name } of left) givenUp.add(name);
  return `${left.length} earlier products did not arrive, e.g. ${left[0]?.name}`;
}
