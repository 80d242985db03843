import { and, run } from "../../../infra/commands/command.ts";
import { awaitReplicas, gateRestart, type Membership } from "../../../infra/commands/membership.ts";
import { awaitNode } from "../../../infra/commands/rabbitmq.ts";
import { restartUnit } from "../../../infra/commands/units.ts";
import { actionOn, type HostAction } from "../../../infra/hosts/act.ts";
import { brokerUnit, dispatcherUnit } from "../../../infra/model/names.ts";
import { shortUnit } from "./plan.ts";

/** Seconds: a unit's own time to be ready is 60. */
const unitSeconds = 75;
/** Two waits for replicas, the end and the start of a broker with what it has to read. */
const brokerSeconds = 480;
/** What an agent may take to settle, see its unit. */
const stopSeconds = 30;

/**
 * What is done on one host, in order. The dispatcher ends before the broker beside it does, and starts after it: it would go to another member
 * meanwhile, and back. Pure.
 *
 * @param membership of a member of the broker
 */
export function actionsOf(host: string, units: readonly string[], membership: Membership | undefined): HostAction[] {
  const isAside = units.includes(brokerUnit) && units.includes(dispatcherUnit);
  const stop = isAside
    ? [actionOn(host, "stops dispatcher", run("systemctl", "stop", dispatcherUnit), stopSeconds)]
    : [];
  return [...stop, ...units.map((unit) => restart(host, unit, membership))];
}

function restart(host: string, unit: string, membership: Membership | undefined): HostAction {
  const title = `restarts ${shortUnit(unit)}`;
  if (unit !== brokerUnit || !membership) return actionOn(host, title, restartUnit(unit), unitSeconds);
  const brought = and(gateRestart(unit, membership), restartUnit(unit), awaitNode(120), awaitReplicas(membership));
  return actionOn(host, title, brought, brokerSeconds);
}
