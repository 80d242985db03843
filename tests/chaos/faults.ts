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
import { ledgerLost } from "./account.ts";
import type { OnPage } from "./page-judge.ts";
import type { PlannedRound } from "./plan.ts";
import type { Scene } from "./scene.ts";
import {
  alarmMemory,
  each,
  type Injected,
  loseLedger,
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

/** The hosts of a round, as found at its start. */
export interface Targets {
  /** Holds the virtual IP: its dispatcher is active, and clients use its broker. */
  readonly holder: string;
  readonly others: readonly string[];
  /** One of `others`. */
  readonly other: string;
}

/** A row of the table: how to inject the fault, how to heal it, and what must hold during it. */
export interface Fault {
  readonly name: string;
  /** One sentence. */
  readonly summary: string;
  /** In addition to "nothing lost, nothing repeated". */
  readonly expectation: string;
  /** Shortest and longest duration, milliseconds. */
  readonly holdMs: readonly [least: number, most: number];
  /** Limit of the median takeover time, milliseconds. */
  readonly takeOverWithinMs?: number;
  /** What the live page has to show of it, if it lasts long enough. */
  readonly onPage: OnPage;
  /** The hosts to strike, of the round's hosts. */
  readonly hosts: (targets: Targets, round: PlannedRound, scene: Scene) => readonly string[];
  /** Why this lab doesn't allow the fault; undefined if it does. */
  readonly unfit?: (scene: Scene) => string | undefined;
  readonly inject: (scene: Scene, hosts: readonly string[], round: PlannedRound) => Promise<Injected>;
  readonly heal: (scene: Scene, hosts: readonly string[]) => Promise<unknown>;
}

/** The part that differs between rows of one kind; the kind adds `inject` and `heal`. */
type Facts = Pick<Fault, "name" | "summary" | "expectation" | "holdMs" | "takeOverWithinMs" | "onPage" | "hosts">;

/** systemd starts an agent again after 0.3 s, its watchdog kills a dispatcher that hangs for 5 s, and Prometheus scrapes each 5 s. */
const seldomSeen: OnPage = { nothing: "the dispatcher runs again before enough scrapes fail" };

const holder = (targets: Targets): string[] => [targets.holder];
const other = (targets: Targets): string[] => [targets.other];
const everyMember = (targets: Targets): string[] => [targets.holder, ...targets.others];

/** kill -9 of a service. systemd or the healing restarts it: a broker after 5 s, and then it starts for as long, so scrapes fail. */
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
    expectation: "another dispatcher takes over within one second",
    holdMs: [1000, 3000],
    onPage: seldomSeen,
    takeOverWithinMs: 1000,
    hosts: holder,
  }),
  frozen("dispatcher", {
    name: "dispatcher-stopped",
    summary: "SIGSTOP of the active dispatcher, SIGCONT some seconds later",
    expectation: "products in flight when it froze are dispatched once, by either dispatcher",
    holdMs: [3000, 8000],
    onPage: seldomSeen,
    hosts: holder,
  }),
  killed("dispatcher", {
    name: "dispatcher-both-killed",
    summary: "kill -9 of the dispatchers of all members at once",
    expectation: "their state is on disk",
    holdMs: [500, 2000],
    onPage: seldomSeen,
    hosts: everyMember,
  }),
  {
    name: ledgerLost,
    summary: "kill -9 of the active dispatcher, whose ledger is purged or deleted while it is down",
    expectation: "another dispatcher takes over; what this one doesn't know it dispatches as unconfirmed",
    holdMs: [1000, 3000],
    onPage: seldomSeen,
    hosts: holder,
    inject: (scene, [host = ""], { draw }) => loseLedger(scene, host, draw % 2 === 0 ? "purge" : "delete"),
    heal: startServices,
  },
  killed("broker", {
    name: "broker-killed",
    summary: "kill -9 of the broker that holds the virtual IP",
    expectation: "another member serves within two seconds",
    holdMs: [1000, 3000],
    onPage: "member",
    takeOverWithinMs: 2000,
    hosts: holder,
  }),
  frozen("broker", {
    name: "broker-stopped",
    summary: "SIGSTOP of the broker that holds the virtual IP, SIGCONT some seconds later",
    expectation: "another member serves meanwhile",
    holdMs: [3000, 8000],
    onPage: "member",
    hosts: holder,
  }),
  killed("broker", {
    name: "broker-member-killed",
    summary: "kill -9 of the broker of another member",
    expectation: "clients of the virtual IP continue",
    holdMs: [1000, 3000],
    onPage: "member",
    hosts: other,
  }),
  {
    name: "node-stop",
    summary: "the unit of the broker that holds the virtual IP is stopped",
    expectation: "the address leaves before the broker stops",
    holdMs: [1000, 3000],
    onPage: "member",
    hosts: holder,
    inject: stopBroker,
    heal: startStoppedBroker,
  },
  {
    name: "vip-moved",
    summary: "an operator moves the virtual IP by hand, and back later",
    expectation: "the other dispatcher takes over within 0.3 seconds",
    holdMs: [1500, 4000],
    onPage: "moved",
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
    onPage: "member",
    takeOverWithinMs: 2000,
    hosts: holder,
    inject: ({ lab }, hosts) => outside(hosts, (host) => cutLink(lab, host)),
    heal: healCable,
  },
  {
    name: "partition",
    summary: "the host with the virtual IP is partitioned from the other members, not from other hosts",
    expectation: "two hosts hold the address, and only one dispatcher gets deliveries",
    holdMs: [3000, 10_000],
    onPage: "cluster",
    hosts: everyMember,
    inject: ({ lab }, [one = "", ...others]) => outside([one], () => partition(lab, [one], others)),
    heal: ({ lab }) => healNetwork(lab),
  },
  {
    name: "line-loss",
    summary: "some packets of the host with the virtual IP are lost, and delayed if the kernel can",
    expectation: "only slower",
    holdMs: [3000, 8000],
    onPage: { nothing: "most scrapes succeed" },
    hosts: holder,
    inject: ({ lab }, [host = ""], { draw }) => loseOnLine(lab, host, draw),
    heal: healCable,
  },
  {
    name: "disk-full",
    summary: "the disk of a member is completely full",
    expectation: "that broker accepts nothing; clients wait or reconnect to another",
    holdMs: [3000, 8000],
    onPage: "member",
    hosts: (_targets, _round, { ownDisks }) => ownDisks,
    unfit: ({ ownDisks }) => (ownDisks.length > 0 ? undefined : "no member of this lab has its own disk (diskMb)"),
    inject: ({ lab }, hosts) => outside(hosts, (host) => fillDisk(lab, host)),
    heal: async (scene, hosts) => {
      await each(hosts, (host) => freeDisk(scene.lab, host));
      await startServices(scene, hosts);
    },
  },
  {
    name: "memory-alarm",
    summary: "the broker that holds the virtual IP gets a memory alarm",
    expectation: "publishers wait, and continue after the alarm",
    holdMs: [2000, 6000],
    onPage: "member",
    hosts: holder,
    inject: alarmMemory,
    heal: resetMemoryLimit,
  },
  unplugged({
    name: "hosts-rebooted",
    summary: "the host with the virtual IP, or another member, loses power; later it boots",
    expectation: "the others serve meanwhile",
    holdMs: [500, 2000],
    onPage: "member",
    hosts: (targets, { draw }) => [draw % 2 === 0 ? targets.holder : targets.other],
  }),
  unplugged({
    name: "both-rebooted",
    summary: "all members lose power at once; later they boot",
    expectation: "all confirmed messages are on their disks",
    holdMs: [500, 2000],
    onPage: "member",
    hosts: everyMember,
  }),
];
