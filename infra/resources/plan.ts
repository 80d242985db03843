import { createHmac } from "node:crypto";
import { memberStep } from "../model/names.ts";
import type { EnvironmentModel } from "../model/types.ts";
import type { HostDrifts, Repair, StepDrift } from "../observe/host-drifts.ts";
import { foundStep } from "./found.ts";
import { hostSteps, limitsSteps, memberSteps } from "./host-steps.ts";
import { refusedStep } from "./refused.ts";
import type { Step } from "./step.ts";

/** The record of a step in the stack's outputs. */
export interface Kept {
  /** Keyed digest of the step's content, so that it reveals nothing of secrets. */
  readonly digest: string;
  /** Reason of the last repair of a drifted host; empty if there was none. */
  readonly repair: string;
  /** Additional repairs that were needed. */
  readonly mends?: readonly Repair[];
}

/** `HOST STEP` -> its record. */
export type KeptSteps = Readonly<Record<string, Kept>>;

export interface PlannedStep {
  readonly host: string;
  readonly step: Step;
  /** `HOST STEP`, the resource's name. */
  readonly name: string;
  /** Its name in the last run. */
  readonly alias?: string;
  /**
   * What it waits for in this run beside what it depends on. The state has none of it: a dependency that an existing step gets would be written
   * with the whole state, for each step, and `destroy` would take hosts one after the other.
   */
  readonly turn?: Pick<Step, "after" | "afterBroker">;
  readonly kept: Kept;
  /** How the host differs; empty if it doesn't, or if only the config has changed. */
  readonly drift: readonly string[];
}

export const stepName = (host: string, step: string): string => `${host} ${step}`;

/**
 * Decides for every step of every host whether the host has drifted from it. Pure. If a step's content changed since the last run, the
 * difference is intended, and a new step has nothing to drift from: neither is drift.
 *
 * @param drifts of the observed hosts
 * @param digestKey secret of the stack that keys digests
 * @param now time of this run, ISO 8601; part of new repair notes
 */
export function planSteps(
  model: EnvironmentModel,
  drifts: HostDrifts,
  kept: KeptSteps,
  digestKey: string,
  now: string,
): PlannedStep[] {
  const planned: PlannedStep[] = [];
  const byName = new Map<string, PlannedStep>();
  for (const host of model.hosts) {
    const drift = drifts.get(host.name);
    for (const made of hostSteps(host, model.clusters)) {
      const name = stepName(host.name, made.name);
      const asFound = drift !== undefined && !drift.has(made.name);
      const step = host.found?.includes(made.name) ? foundStep(made, asFound && !kept[name]) : made;
      const entry = planStep({ name, host: host.name, step }, drift?.get(step.name));
      planned.push(entry);
      byName.set(name, entry);
    }
  }
  for (const cluster of model.clusters) {
    for (const { host, step: made } of memberSteps(cluster)) {
      const name = stepName(host, made.name);
      const drift = drifts.get(host);
      const asFound = drift !== undefined && !drift.has(made.name);
      const step = cluster.found ? foundStep(made, asFound && !kept[name]) : made;
      planned.push(planStep({ name, host, step, ...previousName(host, name) }, drift?.get(step.name)));
    }
    for (const { host, step } of limitsSteps(cluster)) {
      planned.push(planStep({ name: stepName(host, step.name), host, step }, drifts.get(host)?.get(step.name)));
    }
  }
  return planned.map(withTurns);

  /** Redundant hosts take turns; a host that is down delays no other. */
  function withTurns(one: PlannedStep): PlannedStep {
    const { step } = one;
    const turn = kept[one.name] ? step.turn : undefined;
    const asked = [...(step.afterAsked ?? []), ...(turn?.afterAsked ?? [])].filter((name) =>
      drifts.has(name.slice(0, name.indexOf(" "))),
    );
    const after = [...(turn?.after ?? []), ...asked];
    return after.length === 0 ? one : { ...one, turn: { after, afterBroker: turn?.afterBroker ?? false } };
  }

  /** A renamed cluster is still the same one, so its members must not leave it. */
  function previousName(host: string, name: string): { readonly alias?: string } {
    const alias = Object.keys(kept).find((other) => other.startsWith(stepName(host, memberStep(""))) && other !== name);
    return alias === undefined ? {} : { alias };
  }

  function planStep(
    what: Pick<PlannedStep, "name" | "host" | "step" | "alias">,
    drift: StepDrift | undefined,
  ): PlannedStep {
    // A step that follows others is renewed with them: their digests and repairs are part of its digest.
    const followed = what.step.follows.map((other) =>
      JSON.stringify(byName.get(stepName(what.host, other))?.kept ?? null),
    );
    const content = [...what.step.content, ...followed];
    const digest = createHmac("sha256", digestKey).update(JSON.stringify(content)).digest("hex").slice(0, 16);
    const before = kept[what.name];
    const { differences = [], mends = [], obstacles = [] } = drift ?? {};
    const one = obstacles.length > 0 ? { ...what, step: refusedStep(what.host, what.step, obstacles) } : what;
    // An obstacle prevents the step whether it is new or not.
    if (before?.digest !== digest) return { ...one, kept: { digest, repair: "" }, drift: obstacles };
    if (!drift) return { ...one, kept: before, drift: [] };
    const repair = `${now} ${differences.join("; ")}`;
    return { ...one, kept: { digest, repair, ...(mends.length > 0 ? { mends } : {}) }, drift: differences };
  }
}

/** The notes that change a step's script: the digest of its content, and the last repair. */
export function stepNotes({ kept }: PlannedStep): string[] {
  return [`content ${kept.digest}`, ...(kept.repair ? [`repair ${kept.repair}`] : [])];
}
