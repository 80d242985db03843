import { and, run } from "../../infra/commands/command.ts";
import { actionOn, type HostAction } from "../../infra/hosts/act.ts";
import { standBackProgram } from "../../infra/model/stand-back.ts";
import type { Problem } from "../inspect/health.ts";
import { type Chain, chainHostOf } from "../inspect/snapshot/chain.ts";
import { type Evidence, holdersOf, hostEvidence } from "../inspect/snapshot/evidence.ts";
import { onHost } from "../inspect/verify/step.ts";
import { armUndo, disarmUndo, tellMoment } from "./undo-timer.ts";

/** On the host: lets the address back whatever becomes of the one who has moved it. */
const timerName = "warren-stand-back-ends";
const standBackSeconds = 20;

/**
 * Has a host give its virtual IPs away, as an operator does by hand. It comes back by the host itself when the time is over: whoever moved it may have
 * been killed meanwhile.
 */
export function moveAway(host: string, atMostSeconds: number): HostAction {
  const undo = armUndo(timerName, atMostSeconds, standBackProgram, "no");
  const command = and(...undo, tellMoment, run(standBackProgram, "yes"));
  return actionOn(host, "gives the virtual IP away", command, standBackSeconds);
}

export function letBack(host: string): HostAction {
  const command = and(tellMoment, run(standBackProgram, "no"), disarmUndo(timerName));
  return actionOn(host, "may have the virtual IP again", command, standBackSeconds);
}

/** What is lacking until another host than this one has the address, and dispatches. Pure. */
export function moveAwayProblem(evidence: Evidence, from: string): Problem | undefined {
  const [holder, ...more] = holdersOf(evidence);
  if (holder === undefined || more.length > 0 || holder === from) {
    const where = holder === undefined ? "no host" : [holder, ...more].join(" and ");
    return addressProblem(evidence, from, `it is on ${where}, and is to leave ${from}`);
  }
  const state = hostEvidence(evidence, holder)?.agents.dispatcher?.health?.state;
  if (!evidence.chain.dispatchers.includes(holder) || state === "active" || state === "catching-up") return undefined;
  return addressProblem(evidence, holder, `the dispatcher there is ${state ?? "silent"}`);
}

function addressProblem(evidence: Evidence, host: string, text: string): Problem {
  return {
    host,
    id: "virtual-ip-moves",
    step: "the virtual IP moves",
    evidence: text,
    remedy: onHost(evidence, host, "journalctl -t warren-vip -u keepalived -n 30"),
  };
}

/** The command by which a person lets the address back. */
export function letBackByHand(chain: Chain, host: string): string {
  chainHostOf(chain, host);
  return onHost({ chain }, host, `${standBackProgram} no`);
}
