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

/** What has to run anew with a package. A broker's dispatcher would go to another member meanwhile, and back: it ends before, and starts after. */
const unitsOfPackage: Readonly<Record<string, readonly string[]>> = {
  [brokerPackage]: [brokerUnit, dispatcherUnit],
  keepalived: [keepalivedUnit],
  "inotify-tools": ["warren-announcer.service", "warren-watcher.service"],
  apache2: ["apache2.service"],
  vsftpd: [ftpUnit],
  slapd: ["slapd.service"],
};

/** In this order on a host. */
const unitOrder = [...new Set(Object.values(unitsOfPackage).flat())];

/** Run anew when their packages are there: this one is stopped before, the others are restarted by their packages. */
const startedAlready: readonly string[] = [brokerUnit, keepalivedUnit, "apache2.service", ftpUnit, "slapd.service"];

/** Units of a host that run by these packages, in the order in which they come up again. Pure. */
export function unitsOf(chain: Chain, host: string, steps: readonly PackageStep[]): string[] {
  const { agents, units } = chainHostOf(chain, host);
  const there = [...agents.map(({ unit }) => unit), ...units];
  const meant = steps.flatMap(
    ({ name }) => unitsOfPackage[name.startsWith(runtimePrefix) ? brokerPackage : name] ?? [],
  );
  return unitOrder.filter((unit) => there.includes(unit) && meant.includes(unit));
}

/** Hosts that have something to be upgraded, in the order of a restart. Pure. */
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
/** Two waits for replicas, the end and the start of a broker with what it has to read. */
const brokerSeconds = 480;

export interface HostUpgrade {
  readonly host: string;
  /** What is not there yet. */
  readonly steps: readonly PackageStep[];
  readonly held: readonly string[];
  /** That run by those packages. */
  readonly units: readonly string[];
  /** That have not run anew yet, of all of the host's turn. */
  readonly left: readonly string[];
  /** Of a host with a broker. */
  readonly membership: Membership | undefined;
}

/**
 * What is done on one host, in order. A broker stands still from before its packages are unpacked until they are configured, and runs again where that
 * fails. Pure.
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
    ...(steps.length > 0 ? [action(`takes ${describe(steps)}`, brought, installSeconds + brokerSeconds)] : []),
    ...all.map((unit) => {
      const anew =
        isStopped(unit) || (isAside && unit === dispatcherUnit) ? run("systemctl", "start", unit) : restartUnit(unit);
      const title = `has ${shortUnit(unit)} run anew`;
      return unit === brokerUnit
        ? action(title, broughtBack(anew, membership), brokerSeconds)
        : action(title, anew, unitSeconds);
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

/** Packages that go from the same version to the same one are one. */
export function describe(steps: readonly PackageStep[]): string {
  const groups = Map.groupBy(steps, ({ from, to }) => `${from ?? "nothing"} -> ${to}`);
  return [...groups]
    .map(([way, [first, ...more]]) => `${first?.name}${more.length > 0 ? ` and ${more.length} more` : ""} ${way}`)
    .join(", ");
}
