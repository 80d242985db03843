import { UserError } from "../../../agents/lib/errors.ts";
import { brokerUnit, dispatcherUnit, keepalivedUnit } from "../../../infra/model/names.ts";
import { type Chain, chainHostOf } from "../../inspect/snapshot/chain.ts";

/** The services that can be restarted, by their name on the command line; `*` matches the names of several units. */
const units = {
  broker: brokerUnit,
  keepalived: keepalivedUnit,
  dispatcher: dispatcherUnit,
  announcer: "warren-announcer.service",
  puller: "warren-puller.service",
  delivery: "warren-delivery-*.service",
  "dd-notify": "warren-dd-notify.service",
  notify: "warren-notify-*.service",
  receiver: "warren-receiver-*.service",
  bridge: "warren-bridge-*.service",
  watcher: "warren-watcher.service",
  "queue-manager": "warren-queue-manager.service",
  auditor: "warren-auditor.service",
} as const;

export const services = Object.keys(units) as Service[];
export type Service = keyof typeof units;

/** The position of a unit's service in the restart order of a host, where each service comes after those it depends on; -1 for other units. */
const serviceOf = (unit: string): number =>
  Object.values(units).findIndex((pattern) => {
    const [before = "", after] = pattern.split("*");
    return after === undefined ? unit === pattern : unit.startsWith(before) && unit.endsWith(after);
  });

/** One host's turn. */
export interface HostStep {
  readonly host: string;
  /** In the order in which they are restarted. */
  readonly units: readonly string[];
  /** A member of the broker, or a host that the virtual IP may be on. */
  readonly isMember: boolean;
}

export interface Choice {
  readonly hosts?: readonly string[] | undefined;
  readonly services?: readonly Service[] | undefined;
}

/** @throws UserError if a host is not in the stack, or there is nothing to restart */
export function planHostSteps(
  chain: Chain,
  holder: string | undefined,
  { hosts, services: chosen }: Choice,
): HostStep[] {
  const unknown = hosts?.find((name) => !chain.hosts.some((host) => host.name === name));
  if (unknown !== undefined) {
    const there = chain.hosts.map(({ name }) => name).join(" ");
    throw new UserError(unknown, "is not a host of the stack", `its hosts: ${there}`);
  }
  const wanted = new Set((chosen ?? services).map((service) => services.indexOf(service)));
  const turns = rollingOrder(chain, holder).flatMap((host): HostStep[] => {
    if (hosts && !hosts.includes(host)) return [];
    const found = unitsOf(chain, host).filter((unit) => wanted.has(serviceOf(unit)));
    return found.length > 0 ? [{ host, units: found, isMember: chain.members.includes(host) }] : [];
  });
  if (turns.length > 0) return turns;
  throw new UserError("--host, --only", "none of these hosts has such a unit", `services: ${services.join(" ")}`);
}

/**
 * Hosts that are only clients of the broker come first, so that members restarted afterwards meet healthy clients. Members come in reverse order of
 * preference for the virtual IP, its holder last: so the address moves only once, and back.
 */
export function rollingOrder({ hosts, members, pdses, urps }: Chain, holder: string | undefined): string[] {
  const last = holder ?? members[0];
  const names = hosts.map(({ name }) => name).filter((name) => !members.includes(name));
  const clients = [...pdses, ...urps].filter((name) => names.includes(name));
  const others = members.toReversed().filter((name) => name !== last);
  return [...new Set([...clients, ...names, ...others, ...(last === undefined ? [] : [last])])];
}

/** Leaves out the broker of a cluster other than the announcements': snapshots do not cover it. */
function unitsOf(chain: Chain, name: string): string[] {
  const { agents, units: own } = chainHostOf(chain, name);
  const isMember = chain.members.includes(name);
  const all = [...agents.map(({ unit }) => unit), ...(isMember ? own : own.filter((unit) => unit !== brokerUnit))];
  return all.filter((unit) => serviceOf(unit) >= 0).toSorted((one, other) => serviceOf(one) - serviceOf(other));
}

export const shortUnit = (unit: string): string => unit.replace(/\.service$/, "").replace(/^warren-/, "");
