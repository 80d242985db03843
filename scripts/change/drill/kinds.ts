import { always, and, type Command, run } from "../../../infra/commands/command.ts";
import type { HostAction } from "../../../infra/hosts/act.ts";
import { clusterPort } from "../../../infra/model/firewall.ts";
import { brokerUnit, dispatcherUnit } from "../../../infra/model/names.ts";
import type { Problem } from "../../inspect/health.ts";
import { type Chain, chainHostOf } from "../../inspect/snapshot/chain.ts";
import { type Evidence, holdersOf } from "../../inspect/snapshot/evidence.ts";
import { onHost } from "../../inspect/verify/step.ts";
import { letBack, letBackByHand, moveAway, moveAwayProblem } from "../step-aside.ts";
import { armUndo, disarmUndo, tellMoment } from "../undo-timer.ts";

/** One thing that is broken on purpose, on one host, and mended again. */
export interface DrillKind {
  readonly name: string;
  /** What is done to the host, after its name: `gives the virtual IP away`. */
  readonly does: string;
  /** What should come of it. */
  readonly expectation: string;
  /** Hosts that it can be done to, the one first that it is done to unless a person names another. */
  readonly targets: (evidence: Evidence) => readonly string[];
  /** So many of such a host there have to be: the others go on. */
  readonly hostsLeast: number;
  /** Hosts of agents that have to be well before and afterwards. */
  readonly needs: (chain: Chain) => readonly string[];
  /** It takes a member of the broker away: its queues have to go on without it. */
  readonly takesMember: boolean;
  /** Milliseconds within which products should go on; left out where they shouldn't stop at all. */
  readonly pauseWantedMs?: number;
  /** The host undoes it by itself after so many seconds. */
  readonly strike: (chain: Chain, host: string, atMostSeconds: number) => HostAction;
  readonly heal: (chain: Chain, host: string) => HostAction;
  /** What is lacking until it has come to what it should; from then on it is held. */
  readonly lackUntil: (evidence: Evidence, host: string) => Problem | undefined;
  /** For a person, where this machine can't reach the host any more. */
  readonly healByHand: (chain: Chain, host: string) => string;
}

const timerName = "warren-drill-ends";
const strikeSeconds = 60;
/** A broker reads what it has before it is ready. */
const healSeconds = 240;

const holders = (evidence: Evidence): readonly string[] => holdersOf(evidence).slice(0, 1);
const nobody = (): readonly string[] => [];

/** Units of a host end by kill -9, and stay down. */
function down(units: readonly string[]): Pick<DrillKind, "strike" | "heal" | "healByHand"> {
  const start = ["systemctl", "start", ...units];
  const end = (unit: string): Command =>
    and(always(run("systemctl", "kill", "--signal=KILL", unit), run("true")), run("systemctl", "stop", unit));
  return {
    strike: (_, host, atMostSeconds) => ({
      ...{ host, timeoutSeconds: strikeSeconds },
      title: `kills ${units.join(" and ")}`,
      command: and(...armUndo(timerName, atMostSeconds, ...start), tellMoment, ...units.map(end)),
    }),
    heal: (_, host) => ({
      ...{ host, timeoutSeconds: healSeconds },
      title: `starts ${units.join(" and ")}`,
      command: and(tellMoment, run(...start), disarmUndo(timerName)),
    }),
    healByHand: (chain, host) => onHost({ chain }, host, start.join(" ")),
  };
}

const table = "warren_drill";

/** A host drops what comes from and goes to the other members between brokers; keepalived and clients are not touched. */
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
        tellMoment,
        run("nft", "add", "table", "inet", table),
        ...rules,
      ),
    };
  },
  heal: (_, host) => ({
    ...{ host, timeoutSeconds: strikeSeconds },
    title: "reaches the other brokers again",
    command: and(tellMoment, run("nft", "delete", "table", "inet", table), disarmUndo(timerName)),
  }),
  healByHand: (chain, host) => onHost({ chain }, host, `nft delete table inet ${table}`),
};

const vip: Pick<DrillKind, "strike" | "heal" | "healByHand"> = {
  strike: (_, host, atMostSeconds) => moveAway(host, atMostSeconds),
  heal: (_, host) => letBack(host),
  healByHand: letBackByHand,
};

/** Until the other members miss it. */
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
      step: "misses the other member",
      evidence: text,
      remedy: `./warren verify -s ${chain.stack}`,
    };
  }
  return undefined;
}

/** Every kind, in the order of the requirement's own list; the first one unless a person names another. */
export const drillKinds: readonly DrillKind[] = [
  {
    name: "vip",
    does: "gives the virtual IP away",
    expectation: "the next host takes it, its dispatcher goes on",
    ...{ targets: holders, hostsLeast: 1, needs: nobody, takesMember: false, pauseWantedMs: 300 },
    ...vip,
    lackUntil: moveAwayProblem,
  },
  {
    name: "broker",
    does: "loses its broker by kill -9",
    expectation: "the virtual IP moves, clients go on at another member, queues have all that was confirmed",
    ...{ targets: holders, hostsLeast: 1, needs: nobody, takesMember: true, pauseWantedMs: 2000 },
    ...down([brokerUnit]),
    lackUntil: moveAwayProblem,
  },
  {
    name: "dispatcher",
    does: "loses its dispatcher by kill -9",
    expectation: "the virtual IP moves, the other dispatcher knows what went out",
    ...{ targets: holders, hostsLeast: 1, needs: nobody, takesMember: false, pauseWantedMs: 1000 },
    ...down([dispatcherUnit]),
    lackUntil: moveAwayProblem,
  },
  {
    name: "urp",
    does: "loses its announcer and its web server by kill -9",
    expectation:
      "the other radar server's announcements are first; what this one made meanwhile it announces afterwards",
    ...{ targets: ({ chain }) => chain.urps, hostsLeast: 2, needs: (chain) => chain.urps, takesMember: false },
    ...down(["warren-announcer.service", "apache2.service"]),
    lackUntil: () => undefined,
  },
  {
    name: "pds",
    does: "loses its puller by kill -9",
    expectation: "the others take its share, and the one product that it had in hand",
    ...{ targets: ({ chain }) => chain.pdses, hostsLeast: 2, needs: (chain) => chain.pdses, takesMember: false },
    ...down(["warren-puller.service"]),
    lackUntil: () => undefined,
  },
  {
    name: "partition",
    does: "loses the other members of its broker: what goes between them is dropped",
    expectation: "the others go on; it joins them again and catches up",
    // Not the one that clients are on, unless a person says so.
    targets: (evidence) => {
      const [holder] = holdersOf(evidence);
      const { members } = evidence.chain;
      return [...members.filter((host) => host !== holder), ...members.filter((host) => host === holder)];
    },
    ...{ hostsLeast: 2, needs: nobody, takesMember: true, pauseWantedMs: 2000 },
    ...apart,
    lackUntil: partitionProblem,
  },
];
