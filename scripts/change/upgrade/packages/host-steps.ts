import { always, and, type Command, or, run } from "../../../../infra/commands/command.ts";
import { awaitReplicas, gateRestart, type Membership } from "../../../../infra/commands/membership.ts";
import { upgradePackages } from "../../../../infra/commands/packages.ts";
import { awaitNode } from "../../../../infra/commands/rabbitmq.ts";
import { restartUnit } from "../../../../infra/commands/units.ts";
import { actionOn, type HostAction } from "../../../../infra/hosts/act.ts";
import { brokerPackage, brokerUnit, dispatcherUnit, ftpUnit, keepalivedUnit } from "../../../../infra/model/names.ts";
import { type Chain, chainHostOf } from "../../../inspect/snapshot/chain.ts";
import { type HostStep, rollingOrder, shortUnit } from "../../restart/plan.ts";
import type { PackageStep } from "./facts.ts";
import { runtimePrefix } from "./judge.ts";

export type Upgrades = Readonly<Record<string, readonly PackageStep[]>>;

/**
 * The units to restart with each package. A broker's dispatcher stops before the broker and starts after it; otherwise it would connect to another member
 * in between.
 */
const unitsOfPackage: Readonly<Record<string, readonly string[]>> = {
  [brokerPackage]: [brokerUnit, dispatcherUnit],
  keepalived: [keepalivedUnit],
  "inotify-tools": ["warren-announcer.service", "warren-watcher.service"],
  apache2: ["apache2.service"],
  vsftpd: [ftpUnit],
  slapd: ["slapd.service"],
};

/** The restart order on a host. */
const unitOrder = [...new Set(Object.values(unitsOfPackage).flat())];

/** Already restarted when their packages are installed: the broker is stopped before, the others are restarted by their packages. */
const startedAlready: readonly string[] = [brokerUnit, keepalivedUnit, "apache2.service", ftpUnit, "slapd.service"];

/** Units of a host that use these packages, in the order in which they restart. Pure. */
export function unitsOf(chain: Chain, host: string, steps: readonly PackageStep[]): string[] {
  const { agents, units } = chainHostOf(chain, host);
  const there = [...agents.map(({ unit }) => unit), ...units];
  const affected = steps.flatMap(
    ({ name }) => unitsOfPackage[name.startsWith(runtimePrefix) ? brokerPackage : name] ?? [],
  );
  return unitOrder.filter((unit) => there.includes(unit) && affected.includes(unit));
}

/** Hosts with upgrades, in the order of a restart. Pure. */
export function packageHostSteps(chain: Chain, holder: string | undefined, upgrades: Upgrades): HostStep[] {
  return rollingOrder(chain, holder).flatMap((host): HostStep[] => {
    const steps = upgrades[host] ?? [];
    if (steps.length === 0) return [];
    return [{ host, units: unitsOf(chain, host, steps), isMember: chain.members.includes(host) }];
  });
}

const stopSeconds = 45;
const unitSeconds = 75;
/** Unpacking and configuring a broker and its runtime on a busy host. */
const installSeconds = 600;
/** Two waits for replicas, the stop of a broker, and its start with the load of its data. */
const brokerSeconds = 480;

export interface HostUpgrade {
  readonly host: string;
  /** Upgrades that are not installed yet. */
  readonly steps: readonly PackageStep[];
  readonly held: readonly string[];
  /** Units that use those packages. */
  readonly units: readonly string[];
  /** Units of the host's turn that have not been restarted yet. */
  readonly left: readonly string[];
  /** Set on a host with a broker. */
  readonly membership: Membership | undefined;
}

/**
 * The actions on one host, in order. A broker is stopped while its packages are unpacked and configured, and started again if that fails. Pure.
 */
export function packageActions({ host, steps, held, units, left, membership }: HostUpgrade): HostAction[] {
  const action = actionOn.bind(undefined, host);
  const all = unitOrder.filter((unit) => units.includes(unit) || left.includes(unit));
  const isAside = all.includes(brokerUnit) && all.includes(dispatcherUnit);
  const isStopped = (unit: string) => units.includes(unit) && startedAlready.includes(unit);
  const install = upgradePackages(steps, held);
  const brought = units.includes(brokerUnit) ? whileStopped(install, membership) : install;
  return [
    ...(isAside ? [action("stops dispatcher", run("systemctl", "stop", dispatcherUnit), stopSeconds)] : []),
    ...(steps.length > 0 ? [action(`upgrades ${describe(steps)}`, brought, installSeconds + brokerSeconds)] : []),
    ...all.map((unit) => {
      const start =
        isStopped(unit) || (isAside && unit === dispatcherUnit) ? run("systemctl", "start", unit) : restartUnit(unit);
      const title = `restarts ${shortUnit(unit)}`;
      return unit === brokerUnit
        ? action(title, broughtBack(start, membership), brokerSeconds)
        : action(title, start, unitSeconds);
    }),
  ];
}

function whileStopped(install: Command, membership: Membership | undefined): Command {
  const start = run("systemctl", "start", brokerUnit);
  return and(
    ...(membership ? [gateRestart(brokerUnit, membership)] : []),
    run("systemctl", "stop", brokerUnit),
    or(install, always(start, run("false"))),
  );
}

function broughtBack(start: Command, membership: Membership | undefined): Command {
  const serves = and(start, awaitNode(120));
  return membership ? and(gateRestart(brokerUnit, membership), serves, awaitReplicas(membership)) : serves;
}

/** Steps as text; packages with the same versions are grouped. */
export function describe(steps: readonly PackageStep[]): string {
  const groups = Map.groupBy(steps, ({ from, to }) => `${from ?? "nothing"} -> ${to}`);
  return [...groups]
    .map(([way, [first, ...more]]) => `${first?.name}${more.length > 0 ? ` and ${more.length} more` : ""} ${way}`)
    .join(", ");
}
