import * as z from "zod";
import type { HostStep } from "../../restart/plan.ts";
import { type RestartRecord, restartRecord, type StepState, stepState } from "../../restart/progress.ts";
import type { PackageStep } from "./facts.ts";
import type { HostUpgrades } from "./find.ts";
import type { Upgrades } from "./host-steps.ts";

const step = z.object({ name: z.string(), from: z.string().optional(), to: z.string() });

/** The record of a package upgrade that is under way. */
export const packagesRecord = restartRecord.extend({ upgrades: z.record(z.string(), z.array(step).readonly()) });
export type PackagesRecord = z.infer<typeof packagesRecord>;

/**
 * The upgrades of each host: for a host in the middle of its turn those of the earlier run, for all others the current ones. A finished host with new
 * upgrades counts as not finished. Pure.
 */
export function upgradesOf(current: readonly HostUpgrades[], before: PackagesRecord | undefined): Upgrades {
  const found: Record<string, readonly PackageStep[]> = {};
  for (const { host, steps } of current) {
    const isBegun = before?.begun?.host === host;
    const isDone = before?.done.includes(host) === true && steps.length === 0;
    const own = isBegun || isDone ? before?.upgrades[host] : undefined;
    found[host] = own ?? steps;
  }
  return found;
}

/** Steps of a host that are not installed yet. Pure. */
export const stepsLeft = (
  steps: readonly PackageStep[],
  { installed }: Pick<HostUpgrades, "installed">,
): PackageStep[] => steps.filter(({ name, to }) => installed[name] !== to);

/** The record of a run, which continues an earlier one if there is one. Pure. */
export function recordOf(
  turns: readonly HostStep[],
  upgrades: Upgrades,
  current: readonly HostUpgrades[],
  before: PackagesRecord | undefined,
  now: Date,
): PackagesRecord {
  const hasNew = (host: string) => current.some((one) => one.host === host && one.steps.length > 0);
  const done = (before?.done ?? []).filter((host) => !hasNew(host));
  const state = ({ host }: HostStep) =>
    stateOrder.indexOf(stepState({ host } as HostStep, { done, begun: before?.begun }));
  return {
    ...{ startedAt: before?.startedAt ?? now.toISOString(), done, upgrades: { ...upgrades } },
    // A host in the middle of its turn must recover before any other host starts.
    turns: turns.toSorted((a, b) => state(a) - state(b)),
    ...(before?.begun ? { begun: before.begun } : {}),
    ...(before?.movedFrom === undefined ? {} : { movedFrom: before.movedFrom }),
  };
}

const stateOrder: readonly StepState[] = ["done", "half way", "to do"];

/** Whether a run has begun something that must be finished. */
export const isBegun = (record: Pick<RestartRecord, "begun" | "movedFrom">): boolean =>
  record.begun !== undefined || record.movedFrom !== undefined;
