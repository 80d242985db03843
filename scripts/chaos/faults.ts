import { UserError } from "../../agents/lib/errors.ts";
import { always, and, type Command, render, run } from "../../infra/commands/command.ts";
import { rabbitmqctl } from "../../infra/commands/rabbitmq.ts";
import { standBackProgram } from "../../infra/model/stand-back.ts";
import {
  bootHost,
  cutLink,
  fillDisk,
  freeDisk,
  healLink,
  healNetwork,
  killHost,
  netem,
  partition,
} from "../lab/index.ts";
import type { PlannedRound } from "./plan.ts";
import type { Scene } from "./scene.ts";

/** Whom a round is about, as the lab is when it begins. */
export interface Targets {
  /** Has the virtual IP: its dispatcher is the active one, clients are on its broker. */
  readonly holder: string;
  readonly others: readonly string[];
  /** One of them. */
  readonly other: string;
}

export interface Injected {
  /** When it struck, milliseconds since 1970. */
  readonly atMs: number;
  readonly notes?: readonly string[];
}

/** One row of the table: how something breaks, how it is mended, what must hold all the same. */
export interface Fault {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** Beside "nothing lost, nothing repeated". */
  readonly expectation: string;
  /** For how long it stays, milliseconds: at least, at most. */
  readonly holdMs: readonly [least: number, most: number];
  /** Median within which another dispatcher should have taken over, milliseconds. */
  readonly takeOverWithinMs?: number;
  /** Which hosts it is made on, of those that the round is about. */
  readonly hosts: (targets: Targets, round: PlannedRound, scene: Scene) => readonly string[];
  /** Why it can't be made in this lab; undefined where it can. */
  readonly unfit?: (scene: Scene) => string | undefined;
  readonly inject: (scene: Scene, hosts: readonly string[], round: PlannedRound) => Promise<Injected>;
  readonly heal: (scene: Scene, hosts: readonly string[]) => Promise<unknown>;
}

const dispatcher = "warren-dispatcher.service";
const broker = "rabbitmq-server.service";

const alarmingLimit = ["absolute", "10MB"];
/** The limit that its settings say: setting another one at run time leaves them alone. */
const settledLimit =
  "vm_memory_monitor:set_vm_memory_high_watermark(element(2, application:get_env(rabbit, vm_memory_high_watermark))).";

const lossPercents = [5, 10, 20, 30] as const;
const delaysMs = [20, 100, 300] as const;

const each = <T>(hosts: readonly string[], work: (host: string) => Promise<T>): Promise<T[]> =>
  Promise.all(hosts.map(work));

/** A command on hosts that says first when it is begun: ssh's own time counts for nothing. */
async function strike(scene: Scene, hosts: readonly string[], command: Command): Promise<Injected> {
  const script = render(and(run("date", "+%s%3N"), command));
  const struck = await each(hosts, async (host) => Number((await scene.on(host, script)).split("\n")[0]));
  return { atMs: Math.min(...struck) };
}

/** From outside of the hosts. */
async function outside(work: () => Promise<unknown>): Promise<Injected> {
  const atMs = Date.now();
  await work();
  return { atMs };
}

const systemctl = (...words: readonly string[]): Command => run("systemctl", ...words);
const signal = (name: string, unit: string) => systemctl("kill", `--signal=${name}`, "--kill-whom=main", unit);
/** By which an operator has a host give its virtual IP away, and take it again. */
const standBack = (answer: "yes" | "no"): Command => run(standBackProgram, answer);
const holder = (targets: Targets): string[] => [targets.holder];
const everyMember = (targets: Targets): string[] => [targets.holder, ...targets.others];

/** After a fault of processes: what waits to be started again is started now. */
export const startServices = (scene: Scene, hosts: readonly string[]): Promise<unknown> =>
  strike(scene, hosts, and(systemctl("reset-failed", broker, dispatcher), systemctl("start", broker, dispatcher)));

/** What was frozen goes on; where nothing runs, nothing is frozen. */
export const continueServices = (scene: Scene, hosts: readonly string[]): Promise<unknown> =>
  strike(scene, hosts, always(signal("SIGCONT", broker), signal("SIGCONT", dispatcher), run("true")));

/** Back to the limit that the broker's settings say. */
export const resetMemoryLimit = (scene: Scene, hosts: readonly string[]): Promise<unknown> =>
  strike(scene, hosts, rabbitmqctl("eval", settledLimit));

/** An address that was moved by hand may come back. */
export const releaseAddress = (scene: Scene, hosts: readonly string[]): Promise<unknown> =>
  strike(scene, hosts, standBack("no"));

const killed = "SIGKILL";

export const faults: readonly Fault[] = [
  {
    name: "dispatcher-killed",
    summary: "kill -9 of the active dispatcher",
    expectation: "another dispatcher goes on within a second",
    holdMs: [1000, 3000],
    takeOverWithinMs: 1000,
    hosts: holder,
    inject: (scene, hosts) => strike(scene, hosts, signal(killed, dispatcher)),
    heal: startServices,
  },
  {
    name: "dispatcher-stopped",
    summary: "SIGSTOP of the active dispatcher, SIGCONT some seconds later",
    expectation: "what it had begun when it froze comes out once, whoever finishes it",
    holdMs: [3000, 8000],
    hosts: holder,
    inject: (scene, hosts) => strike(scene, hosts, signal("SIGSTOP", dispatcher)),
    heal: (scene, hosts) => strike(scene, hosts, signal("SIGCONT", dispatcher)),
  },
  {
    name: "dispatcher-both-killed",
    summary: "kill -9 of the dispatchers of all members at once",
    expectation: "what they know is on disk",
    holdMs: [500, 2000],
    hosts: everyMember,
    inject: (scene, hosts) => strike(scene, hosts, signal(killed, dispatcher)),
    heal: startServices,
  },
  {
    name: "broker-killed",
    summary: "kill -9 of the broker that has the virtual IP",
    expectation: "another member serves within two seconds",
    holdMs: [1000, 3000],
    takeOverWithinMs: 2000,
    hosts: holder,
    inject: (scene, hosts) => strike(scene, hosts, signal(killed, broker)),
    heal: startServices,
  },
  {
    name: "broker-stopped",
    summary: "SIGSTOP of the broker that has the virtual IP, SIGCONT some seconds later",
    expectation: "another member serves meanwhile",
    holdMs: [3000, 8000],
    hosts: holder,
    inject: (scene, hosts) => strike(scene, hosts, signal("SIGSTOP", broker)),
    heal: (scene, hosts) => strike(scene, hosts, signal("SIGCONT", broker)),
  },
  {
    name: "broker-member-killed",
    summary: "kill -9 of the broker of another member",
    expectation: "clients of the virtual IP go on",
    holdMs: [1000, 3000],
    hosts: ({ other }) => [other],
    inject: (scene, hosts) => strike(scene, hosts, signal(killed, broker)),
    heal: startServices,
  },
  {
    name: "node-stop",
    summary: "the unit of the broker that has the virtual IP is stopped in order",
    expectation: "the address leaves before the broker does",
    holdMs: [1000, 3000],
    hosts: holder,
    inject: (scene, hosts) => strike(scene, hosts, systemctl("--no-block", "stop", broker)),
    // One that has not ended yet ends first.
    heal: async (scene, hosts) => {
      await strike(scene, hosts, systemctl("stop", broker));
      await startServices(scene, hosts);
    },
  },
  {
    name: "vip-moved",
    summary: "an operator moves the virtual IP by hand, and later back",
    expectation: "the other dispatcher goes on within 0.3 seconds",
    holdMs: [1500, 4000],
    takeOverWithinMs: 300,
    hosts: holder,
    inject: (scene, hosts) => strike(scene, hosts, standBack("yes")),
    heal: releaseAddress,
  },
  {
    name: "link-cut",
    summary: "the network cable of the host with the virtual IP is pulled",
    expectation: "another member serves within two seconds",
    holdMs: [2000, 6000],
    takeOverWithinMs: 2000,
    hosts: holder,
    inject: ({ lab }, hosts) => outside(() => each(hosts, (host) => cutLink(lab, host))),
    heal: ({ lab }, hosts) => each(hosts, (host) => healLink(lab, host)),
  },
  {
    name: "partition",
    summary: "the host with the virtual IP and the other members no longer see each other; everybody else sees both",
    expectation: "two hosts have the address, and one dispatcher is fed",
    holdMs: [3000, 10_000],
    hosts: everyMember,
    inject: ({ lab }, [one = "", ...others]) => outside(() => partition(lab, [one], others)),
    heal: ({ lab }) => healNetwork(lab),
  },
  {
    name: "line-loss",
    summary: "a share of the packets of the host with the virtual IP is lost, and late where the kernel can delay",
    expectation: "slower, and nothing else",
    holdMs: [3000, 8000],
    hosts: holder,
    inject: ({ lab }, [host = ""], { luck }) => loseOnLine(lab, host, luck),
    heal: ({ lab }, hosts) => each(hosts, (host) => healLink(lab, host)),
  },
  {
    name: "disk-full",
    summary: "the disk of a member is full to the last block",
    expectation: "the broker there takes nothing, clients wait or go elsewhere",
    holdMs: [3000, 8000],
    hosts: (_targets, _round, { ownDisks }) => ownDisks,
    unfit: ({ ownDisks }) => (ownDisks.length > 0 ? undefined : "no member of this lab has a disk of its own (diskMb)"),
    inject: ({ lab }, hosts) => outside(() => each(hosts, (host) => fillDisk(lab, host))),
    heal: async (scene, hosts) => {
      await each(hosts, (host) => freeDisk(scene.lab, host));
      await startServices(scene, hosts);
    },
  },
  {
    name: "memory-alarm",
    summary: "the broker that has the virtual IP is told that it has no memory left",
    expectation: "publishers wait, and go on after it",
    holdMs: [2000, 6000],
    hosts: holder,
    inject: (scene, hosts) => strike(scene, hosts, rabbitmqctl("set_vm_memory_high_watermark", ...alarmingLimit)),
    heal: resetMemoryLimit,
  },
  {
    name: "hosts-rebooted",
    summary: "the plug of the host with the virtual IP, or of another member, is pulled; then it boots",
    expectation: "the others serve meanwhile",
    holdMs: [500, 2000],
    hosts: (targets, { luck }) => [luck % 2 === 0 ? targets.holder : targets.other],
    inject: ({ lab }, hosts) => outside(() => each(hosts, (host) => killHost(lab, host))),
    heal: ({ lab }, hosts) => each(hosts, (host) => bootHost(lab, host)),
  },
  {
    name: "both-rebooted",
    summary: "the plugs of all members are pulled at once; then they boot",
    expectation: "all that was confirmed is on their disks",
    holdMs: [500, 2000],
    hosts: everyMember,
    inject: ({ lab }, hosts) => outside(() => each(hosts, (host) => killHost(lab, host))),
    heal: ({ lab }, hosts) => each(hosts, (host) => bootHost(lab, host)),
  },
];

async function loseOnLine(lab: string, host: string, luck: number): Promise<Injected> {
  const atMs = Date.now();
  const lossPercent = lossPercents[luck % lossPercents.length] ?? 10;
  const delayMs = delaysMs[luck % delaysMs.length] ?? 100;
  try {
    await netem(lab, host, { lossPercent, delayMs });
    return { atMs, notes: [`${lossPercent} % lost, ${delayMs} ms late`] };
  } catch (error) {
    if (!(error instanceof UserError && error.message.includes("sch_netem"))) throw error;
    await netem(lab, host, { lossPercent });
    return { atMs, notes: [`${lossPercent} % lost; none late: ${error.message}`] };
  }
}
