import { and, run } from "../../infra/commands/command.ts";
import { actionOn, type HostAction } from "../../infra/hosts/act.ts";
import { standBackProgram } from "../../infra/model/stand-back.ts";
import type { Problem } from "../inspect/health.ts";
import { type Chain, chainHostOf } from "../inspect/snapshot/chain.ts";
import { type Evidence, holdersOf, hostEvidence } from "../inspect/snapshot/evidence.ts";
import { onHost } from "../inspect/verify/step.ts";
import { armUndo, disarmUndo, printTime } from "./undo-timer.ts";

/** A timer on the host, which allows the address back even if the run that moved it was killed. */
const timerName = "warren-stand-back-ends";
const stepAsideSeconds = 20;

/** Makes a host release its virtual IPs, as an operator does by hand. After `atMostSeconds` the host itself allows them back. */
export function moveAway(host: string, atMostSeconds: number): HostAction {
  const undo = armUndo(timerName, atMostSeconds, standBackProgram, "no");
  const command = and(...undo, printTime, run(standBackProgram, "yes"));
  return actionOn(host, "releases the virtual IP", command, stepAsideSeconds);
}

export function allowBack(host: string): HostAction {
  const command = and(printTime, run(standBackProgram, "no"), disarmUndo(timerName));
  return actionOn(host, "accepts the virtual IP again", command, stepAsideSeconds);
}

/** The problem until another host holds the address and its dispatcher is active. Pure. */
export function moveAwayProblem(evidence: Evidence, from: string): Problem | undefined {
  const [holder, ...more] = holdersOf(evidence);
  if (holder === undefined || more.length > 0 || holder === from) {
    const where = holder === undefined ? "no host" : [holder, ...more].join(" and ");
    return addressProblem(evidence, from, `it is on ${where}, and has to leave ${from}`);
  }
  const state = hostEvidence(evidence, holder)?.agents.dispatcher?.health?.state;
  if (!evidence.chain.dispatchers.includes(holder) || state === "active" || state === "catching-up") return undefined;
  return addressProblem(evidence, holder, `the dispatcher there is ${state ?? "silent"}`);
}

function addressProblem(evidence: Evidence, host: string, text: string): Problem {
  return {
    host,
    id: "virtual-ip-moves",
    step: "virtual IP moves",
    evidence: text,
    remedy: onHost(evidence, host, "journalctl -t warren-vip -u keepalived -n 30"),
  };
}

/** The command with which an operator allows the address back. */
export function allowBackByHand(chain: Chain, host: string): string {
  chainHostOf(chain, host);
  return onHost({ chain }, host, `${standBackProgram} no`);
}
