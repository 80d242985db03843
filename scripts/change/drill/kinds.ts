import { always, and, type Command, run } from "../../../infra/commands/command.ts";
import type { HostAction } from "../../../infra/hosts/act.ts";
import { clusterPort } from "../../../infra/model/firewall.ts";
import { brokerUnit, dispatcherUnit } from "../../../infra/model/names.ts";
import type { Problem } from "../../inspect/health.ts";
import { type Chain, chainHostOf } from "../../inspect/snapshot/chain.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import { onHost } from "../../inspect/verify/step.ts";
import { allowBack, allowBackByHand, moveAway, moveAwayProblem } from "../step-aside.ts";
import { armUndo, disarmUndo, printTime } from "../undo-timer.ts";

/** One fault that is made on one host on purpose, and repaired again. */
export interface DrillKind {
  readonly name: string;
  /** What happens to the host, as text after its name: `releases the virtual IP`. */
  readonly does: string;
  /** What should happen. */
  readonly expectation: string;
  /** Hosts on which it can be run; the first is the default. */
  readonly targets: (evidence: Evidence) => readonly string[];
  /** How many such hosts there must be, so that the others can continue. */
  readonly hostsLeast: number;
  /** Hosts whose agents must be healthy before and afterwards. */
  readonly needs: (chain: Chain) => readonly string[];
  /** It stops a member of the broker, so the queues must work without it. */
  readonly takesMember: boolean;
  /** Milliseconds after which products should flow again; undefined if they should not stop at all. */
  readonly pauseWantedMs?: number;
  /** Breaks it. The host itself repairs it after `atMostSeconds`. */
  readonly strike: (chain: Chain, host: string, atMostSeconds: number) => HostAction;
  readonly heal: (chain: Chain, host: string) => HostAction;
  /** The problem until the expected state is reached; the hold time starts then. */
  readonly problemUntil: (evidence: Evidence, host: string) => Problem | undefined;
  /** The command for an operator, if this machine can't reach the host any more. */
  readonly healByHand: (chain: Chain, host: string) => string;
}

const timerName = "warren-drill-ends";
const strikeSeconds = 60;
/** A broker loads its data before it is ready. */
const healSeconds = 240;

const holders = (evidence: Evidence): readonly string[] => holdersOf(evidence).slice(0, 1);
const nobody = (): readonly string[] => [];

/** Kills units of a host with kill -9 and keeps them stopped. */
function down(units: readonly string[]): Pick<DrillKind, "strike" | "heal" | "healByHand"> {
  const start = ["systemctl", "start", ...units];
  const end = (unit: string): Command =>
    and(always(run("systemctl", "kill", "--signal=KILL", unit), run("true")), run("systemctl", "stop", unit));
  return {
    strike: (_, host, atMostSeconds) => ({
      ...{ host, timeoutSeconds: strikeSeconds },
      title: `kills ${units.join(" and ")}`,
      command: and(...armUndo(timerName, atMostSeconds, ...start), printTime, ...units.map(end)),
    }),
    heal: (_, host) => ({
      ...{ host, timeoutSeconds: healSeconds },
      title: `starts ${units.join(" and ")}`,
      command: and(printTime, run(...start), disarmUndo(timerName)),
    }),
    healByHand: (chain, host) => onHost({ chain }, host, start.join(" ")),
  };
}

const table = "warren_drill";

/** A host drops the traffic between brokers, from and to the other members; keepalived and clients are not affected. */
const apart: Pick<DrillKind, "strike" | "heal" | "healByHand"> = {
  strike: (chain, host, atMostSeconds) => {
    const others = chain.members.filter((one) => one !== host).map((one) => chainHostOf(chain, one).address);
    const rules = (["input", "output"] as const).flatMap((hook): Command[] => {
      const peer = `ip ${hook === "input" ? "saddr" : "daddr"} { ${others.join(", ")} }`;
      return [
        run("nft", `add chain inet ${table} ${hook} { type filter hook ${hook} priority -10; }`),
        ...["sport", "dport"].map((port) =>
          run("nft", `add rule inet ${table} ${hook} ${peer} tcp ${port} ${clusterPort} drop`),
        ),
      ];
    });
    return {
      ...{ host, timeoutSeconds: strikeSeconds },
      title: "is cut off from the other brokers",
      command: and(
        ...armUndo(timerName, atMostSeconds, "nft", "delete", "table", "inet", table),
        printTime,
        run("nft", "add", "table", "inet", table),
        ...rules,
      ),
    };
  },
  heal: (_, host) => ({
    ...{ host, timeoutSeconds: strikeSeconds },
    title: "is connected to the other brokers again",
    command: and(printTime, run("nft", "delete", "table", "inet", table), disarmUndo(timerName)),
  }),
  healByHand: (chain, host) => onHost({ chain }, host, `nft delete table inet ${table}`),
};

const vip: Pick<DrillKind, "strike" | "heal" | "healByHand"> = {
  strike: (_, host, atMostSeconds) => moveAway(host, atMostSeconds),
  heal: (_, host) => allowBack(host),
  healByHand: allowBackByHand,
};

/** The problem until the other members see it down. */
function partitionProblem(evidence: Evidence, host: string): Problem | undefined {
  const { chain, broker } = evidence;
  for (const one of chain.members.filter((member) => member !== host)) {
    const answer = broker.members[one];
    const node = answer && "nodes" in answer ? answer.nodes.find(({ name }) => name === `rabbit@${host}`) : undefined;
    if (node && !node.running) continue;
    const text = node ? "still sees it running" : "doesn't answer";
    return {
      host: one,
      id: "misses-other-member",
      step: "sees the other member down",
      evidence: text,
      remedy: `./warren verify -s ${chain.stack}`,
    };
  }
  return undefined;
}

/** All drills; the first is the default. */
export const drillKinds: readonly DrillKind[] = [
  {
    name: "vip",
    does: "releases the virtual IP",
    expectation: "the next host takes it, and its dispatcher continues",
    ...{ targets: holders, hostsLeast: 1, needs: nobody, takesMember: false, pauseWantedMs: 300 },
    ...vip,
    problemUntil: moveAwayProblem,
  },
  {
    name: "broker",
    does: "loses its broker by kill -9",
    expectation: "the virtual IP moves, clients continue at another member, queues have every confirmed message",
    ...{ targets: holders, hostsLeast: 1, needs: nobody, takesMember: true, pauseWantedMs: 2000 },
    ...down([brokerUnit]),
    problemUntil: moveAwayProblem,
  },
  {
    name: "dispatcher",
    does: "loses its dispatcher by kill -9",
    expectation: "the virtual IP moves, and the other dispatcher knows what was sent",
    ...{ targets: holders, hostsLeast: 1, needs: nobody, takesMember: false, pauseWantedMs: 1000 },
    ...down([dispatcherUnit]),
    problemUntil: moveAwayProblem,
  },
  {
    name: "urp",
    does: "loses its announcer and its web server by kill -9",
    expectation:
      "the other radar server's announcements come first; this one announces its own products when it is back",
    ...{ targets: ({ chain }) => chain.urps, hostsLeast: 2, needs: (chain) => chain.urps, takesMember: false },
    ...down(["warren-announcer.service", "apache2.service"]),
    problemUntil: () => undefined,
  },
  {
    name: "pds",
    does: "loses its puller by kill -9",
    expectation: "the others take over its share, and the one product that it had in flight",
    ...{ targets: ({ chain }) => chain.pdses, hostsLeast: 2, needs: (chain) => chain.pdses, takesMember: false },
    ...down(["warren-puller.service"]),
    problemUntil: () => undefined,
  },
  {
    name: "partition",
    does: "is cut off from the other members of its broker",
    expectation: "the others continue; it rejoins them and catches up",
    // Preferably not the member that clients are connected to.
    targets: (evidence) => {
      const [holder] = holdersOf(evidence);
      const { members } = evidence.chain;
      return [...members.filter((host) => host !== holder), ...members.filter((host) => host === holder)];
    },
    ...{ hostsLeast: 2, needs: nobody, takesMember: true, pauseWantedMs: 2000 },
    ...apart,
    problemUntil: partitionProblem,
  },
];
