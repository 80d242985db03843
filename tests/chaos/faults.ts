import {
  bootHost,
  cutLink,
  fillDisk,
  freeDisk,
  healLink,
  healNetwork,
  killHost,
  partition,
} from "../../scripts/lab/index.ts";
import type { PlannedRound } from "./plan.ts";
import type { Scene } from "./scene.ts";
import {
  alarmMemory,
  each,
  type Injected,
  loseOnLine,
  moveAddress,
  outside,
  releaseAddress,
  resetMemoryLimit,
  type Service,
  sendSignal,
  startServices,
  startStoppedBroker,
  stopBroker,
} from "./strikes.ts";

/** Whom a round is about, as the lab is when it begins. */
export interface Targets {
  /** Has the virtual IP: its dispatcher is the active one, clients are on its broker. */
  readonly holder: string;
  readonly others: readonly string[];
  /** One of them. */
  readonly other: string;
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

/** What tells rows apart; the rest of a row is how its kind is made and mended. */
type Facts = Pick<Fault, "name" | "summary" | "expectation" | "holdMs" | "takeOverWithinMs" | "hosts">;

const holder = (targets: Targets): string[] => [targets.holder];
const other = (targets: Targets): string[] => [targets.other];
const everyMember = (targets: Targets): string[] => [targets.holder, ...targets.others];

/** kill -9 of a service; systemd or the healing starts it again. */
const killed = (service: Service, facts: Facts): Fault => ({
  ...facts,
  inject: (scene, hosts) => sendSignal(scene, hosts, "SIGKILL", service),
  heal: startServices,
});

const frozen = (service: Service, facts: Facts): Fault => ({
  ...facts,
  inject: (scene, hosts) => sendSignal(scene, hosts, "SIGSTOP", service),
  heal: (scene, hosts) => sendSignal(scene, hosts, "SIGCONT", service),
});

const unplugged = (facts: Facts): Fault => ({
  ...facts,
  inject: ({ lab }, hosts) => outside(hosts, (host) => killHost(lab, host)),
  heal: ({ lab }, hosts) => each(hosts, (host) => bootHost(lab, host)),
});

const healCable: Fault["heal"] = ({ lab }, hosts) => each(hosts, (host) => healLink(lab, host));

export const faults: readonly Fault[] = [
  killed("dispatcher", {
    name: "dispatcher-killed",
    summary: "kill -9 of the active dispatcher",
    expectation: "another dispatcher goes on within a second",
    holdMs: [1000, 3000],
    takeOverWithinMs: 1000,
    hosts: holder,
  }),
  frozen("dispatcher", {
    name: "dispatcher-stopped",
    summary: "SIGSTOP of the active dispatcher, SIGCONT some seconds later",
    expectation: "what it had begun when it froze comes out once, whoever finishes it",
    holdMs: [3000, 8000],
    hosts: holder,
  }),
  killed("dispatcher", {
    name: "dispatcher-both-killed",
    summary: "kill -9 of the dispatchers of all members at once",
    expectation: "what they know is on disk",
    holdMs: [500, 2000],
    hosts: everyMember,
  }),
  killed("broker", {
    name: "broker-killed",
    summary: "kill -9 of the broker that has the virtual IP",
    expectation: "another member serves within two seconds",
    holdMs: [1000, 3000],
    takeOverWithinMs: 2000,
    hosts: holder,
  }),
  frozen("broker", {
    name: "broker-stopped",
    summary: "SIGSTOP of the broker that has the virtual IP, SIGCONT some seconds later",
    expectation: "another member serves meanwhile",
    holdMs: [3000, 8000],
    hosts: holder,
  }),
  killed("broker", {
    name: "broker-member-killed",
    summary: "kill -9 of the broker of another member",
    expectation: "clients of the virtual IP go on",
    holdMs: [1000, 3000],
    hosts: other,
  }),
  {
    name: "node-stop",
    summary: "the unit of the broker that has the virtual IP is stopped in order",
    expectation: "the address leaves before the broker does",
    holdMs: [1000, 3000],
    hosts: holder,
    inject: stopBroker,
    heal: startStoppedBroker,
  },
  {
    name: "vip-moved",
    summary: "an operator moves the virtual IP by hand, and later back",
    expectation: "the other dispatcher goes on within 0.3 seconds",
    holdMs: [1500, 4000],
    takeOverWithinMs: 300,
    hosts: holder,
    inject: moveAddress,
    heal: releaseAddress,
  },
  {
    name: "link-cut",
    summary: "the network cable of the host with the virtual IP is pulled",
    expectation: "another member serves within two seconds",
    holdMs: [2000, 6000],
    takeOverWithinMs: 2000,
    hosts: holder,
    inject: ({ lab }, hosts) => outside(hosts, (host) => cutLink(lab, host)),
    heal: healCable,
  },
  {
    name: "partition",
    summary: "the host with the virtual IP and the other members no longer see each other; everybody else sees both",
    expectation: "two hosts have the address, and one dispatcher is fed",
    holdMs: [3000, 10_000],
    hosts: everyMember,
    inject: ({ lab }, [one = "", ...others]) => outside([one], () => partition(lab, [one], others)),
    heal: ({ lab }) => healNetwork(lab),
  },
  {
    name: "line-loss",
    summary: "a share of the packets of the host with the virtual IP is lost, and late where the kernel can delay",
    expectation: "slower, and nothing else",
    holdMs: [3000, 8000],
    hosts: holder,
    inject: ({ lab }, [host = ""], { luck }) => loseOnLine(lab, host, luck),
    heal: healCable,
  },
  {
    name: "disk-full",
    summary: "the disk of a member is full to the last block",
    expectation: "the broker there takes nothing, clients wait or go elsewhere",
    holdMs: [3000, 8000],
    hosts: (_targets, _round, { ownDisks }) => ownDisks,
    unfit: ({ ownDisks }) => (ownDisks.length > 0 ? undefined : "no member of this lab has a disk of its own (diskMb)"),
    inject: ({ lab }, hosts) => outside(hosts, (host) => fillDisk(lab, host)),
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
    inject: alarmMemory,
    heal: resetMemoryLimit,
  },
  unplugged({
    name: "hosts-rebooted",
    summary: "the plug of the host with the virtual IP, or of another member, is pulled; then it boots",
    expectation: "the others serve meanwhile",
    holdMs: [500, 2000],
    hosts: (targets, { luck }) => [luck % 2 === 0 ? targets.holder : targets.other],
  }),
  unplugged({
    name: "both-rebooted",
    summary: "the plugs of all members are pulled at once; then they boot",
    expectation: "all that was confirmed is on their disks",
    holdMs: [500, 2000],
    hosts: everyMember,
  }),
];
