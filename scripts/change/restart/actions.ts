import { and, run } from "../../../infra/commands/command.ts";
import { awaitReplicas, gateRestart, type Membership } from "../../../infra/commands/membership.ts";
import { awaitNode } from "../../../infra/commands/rabbitmq.ts";
import { restartUnit } from "../../../infra/commands/units.ts";
import { actionOn, type HostAction } from "../../../infra/hosts/act.ts";
import { brokerUnit, dispatcherUnit } from "../../../infra/model/names.ts";
import { shortUnit } from "./plan.ts";

/** Seconds. A unit's own start timeout is 60 s. */
const unitSeconds = 75;
/** Seconds. For two waits for replicas, the stop of a broker, and its start with the load of its data. */
const brokerSeconds = 480;
/** Seconds. An agent's stop timeout, see its unit. */
const stopSeconds = 30;

/**
 * The actions on one host, in order. The dispatcher stops before the broker on the same host and starts after it; otherwise it would connect to another
 * member in between. Pure.
 *
 * @param membership if the host is a member of the broker
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
