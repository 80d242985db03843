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
  /** Names of products that no round waits for any more; this one adds those that it waited for in vain. */
  readonly givenUp: Set<string>;
  /** Lists the receiver folders. */
  look(): Promise<void>;
  tell(doing: string): void;
  onOpenFault?(heal: (() => Promise<unknown>) | undefined): void;
}

/**
 * A host that was off boots, its broker joins, its replicas are filled, the address comes back: half a minute. After a full disk the look
 * at the broker's health finds it half dead twice, and starts it again: two minutes.
 */
const wholeWithinMs = 180_000;
/** Without any product of before the fault arriving: the dispatcher may be in doubt about one for 30 s. */
const arrivesWithinMs = 45_000;
const healTries = 3;
const lookEveryMs = 100;

/** One fault, from a whole system to a whole system. Undefined where it was broken off before the fault was made. */
export async function makeRound(options: RoundOptions): Promise<RoundRecord | undefined> {
  const { scene, fault, planned, evidence, signal, tell } = options;
  await pause(planned.quietMs, signal);
  if (signal.aborted) return undefined;
  const targets = await targetsOf(scene, planned);
  const hosts = fault.hosts(targets, planned, scene);
  const what = `round ${planned.number}, ${fault.name} on ${hosts.join(", ")}`;
  tell(what);
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
    notMade = `it could not be made: ${firstLine(error)}`;
  }
  const healMs = Date.now();
  await healed(heal, notes);
  options.onOpenFault?.(undefined);
  const recovering = (lacks: string) => tell(`${what}, healed: ${lacks}`);
  recovering("recovering");
  const lacking = await awaitHealed(scene, {
    withinMs: wholeWithinMs,
    signal,
    queue: tapQueue,
    onMissing: recovering,
  }).catch(brokenOff);
  if (lacking === undefined) recovering("waiting for the products of before");
  const missing = lacking ?? (await awaitArrivals(options));
  const wholeMs = Date.now();
  if (lacking !== undefined && !signal.aborted) notes.push(...(await lastWords(scene)));
  const tookMs = takeOverMs(evidence.notifies, faultMs);
  return {
    number: planned.number,
    fault: fault.name,
    hosts,
    faultMs,
    healMs,
    wholeMs,
    notes,
    missing: notMade ?? (signal.aborted ? undefined : missing),
    takeOverMs: tookMs,
    steps: tookMs === undefined ? undefined : await stepsBehind(scene, { faultMs, hosts }, tookMs, notes),
    pauseMs: longestPauseMs(evidence.notifies, faultMs),
  };
}

/** What members' brokers and those who look after them said last, of a cluster that did not come back: its journals go with the lab. */
async function lastWords({ members, on }: Scene): Promise<string[]> {
  const script =
    "systemctl show --property ActiveState,SubState,NRestarts --value rabbitmq-server | paste -sd ' '; " +
    "journalctl --no-pager --output cat --lines 4 --identifier broker-health; " +
    "tail --quiet --lines 6 /var/log/rabbitmq/rabbit@*.log | cut -c 1-200";
  return Promise.all(
    members.map((host) =>
      on(host, script).then(
        (said) => `${host}: ${said.split("\n").join(" | ")}`,
        (error) => `${host}: ${firstLine(error)}`,
      ),
    ),
  );
}

/** A host that is asked in vain takes the figures from nobody else. */
async function stepsBehind(scene: Scene, struck: Struck, tookMs: number, notes: string[]): Promise<Steps | undefined> {
  try {
    return await askSteps(scene, struck, struck.faultMs + tookMs);
  } catch (error) {
    notes.push(`what it was made of can't be said: ${firstLine(error)}`);
    return undefined;
  }
}

const firstLine = (error: unknown): string => (error as Error).message.split("\n")[0] ?? "";

const brokenOff = (): string => "broken off";

/** A host under fault may not answer at once. */
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

/** Waits for the products of before this moment, for as long as they keep coming. Gives how many did not come. */
async function awaitArrivals({ evidence, signal, givenUp, look }: RoundOptions): Promise<string | undefined> {
  const beforeMs = Date.now();
  const absent = () => evidence.undelivered(beforeMs).filter(({ name }) => !givenUp.has(name));
  let left = absent();
  for (let movedMs = Date.now(); left.length > 0; ) {
    if (signal.aborted || Date.now() - movedMs > arrivesWithinMs) break;
    await pause(lookEveryMs, signal);
    const still = absent();
    if (still.length < left.length) movedMs = Date.now();
    left = still;
  }
  await look();
  if (left.length === 0 || signal.aborted) return undefined;
  for (const { name } of left) givenUp.add(name);
  return `${left.length} products of before it did not arrive, e.g. ${left[0]?.name}`;
}
