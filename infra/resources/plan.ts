import { createHmac } from "node:crypto";
import { memberStep } from "../model/names.ts";
import type { EnvironmentModel } from "../model/types.ts";
import type { HostDrifts, Repair, StepDrift } from "../observe/host-drifts.ts";
import { foundStep } from "./found.ts";
import { hostSteps, memberSteps } from "./host-steps.ts";
import { refusedStep } from "./refused.ts";
import type { Step } from "./step.ts";

/** What the last run left of one step, kept as an output of the stack. */
export interface Kept {
  /** Of the step's content, keyed, so that it tells nothing of secrets. */
  readonly digest: string;
  /** Why the step was last run again on a host that had drifted; empty where it never was. */
  readonly repair: string;
  /** What that repair needed beside the step's own. */
  readonly mends?: readonly Repair[];
}

/** `HOST STEP` -> what was kept. */
export type KeptSteps = Readonly<Record<string, Kept>>;

export interface PlannedStep {
  readonly host: string;
  readonly step: Step;
  /** `HOST STEP`, the resource's name. */
  readonly name: string;
  /** What the last run called it. */
  readonly alias?: string;
  readonly kept: Kept;
  /** How the host differs now; empty where it doesn't, or where the change is one of the config. */
  readonly drift: readonly string[];
}

export const stepName = (host: string, step: string): string => `${host} ${step}`;

/**
 * Decides for every step of every host whether the host has drifted from it. Pure. A step whose content changed since the last run
 * differs from its host by intent, and one that was never made has nothing to drift from: neither is called drift.
 *
 * @param drifts of the hosts that were asked
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
      planned.push(planStep({ name, host, step, ...formerName(host, name) }, drift?.get(step.name)));
    }
  }
  return planned.map(withTurns);

  /** Hosts that stand in for each other take turns; one that is away holds nobody up. */
  function withTurns(one: PlannedStep): PlannedStep {
    const { step } = one;
    const turn = kept[one.name] ? step.turn : undefined;
    const asked = [...(step.afterAsked ?? []), ...(turn?.afterAsked ?? [])].filter((name) =>
      drifts.has(name.slice(0, name.indexOf(" "))),
    );
    const turns = [...(turn?.after ?? []), ...asked];
    if (turns.length === 0) return one;
    const afterBroker = turn?.afterBroker ?? step.afterBroker;
    return { ...one, step: { ...step, after: [...step.after, ...turns], afterBroker } };
  }

  /** A cluster under another name is the same one: its members must not leave it for that. */
  function formerName(host: string, name: string): { readonly alias?: string } {
    const alias = Object.keys(kept).find((other) => other.startsWith(stepName(host, memberStep(""))) && other !== name);
    return alias === undefined ? {} : { alias };
  }

  function planStep(
    what: Pick<PlannedStep, "name" | "host" | "step" | "alias">,
    drift: StepDrift | undefined,
  ): PlannedStep {
    // A step that follows others is renewed when they are: their digests and repairs are part of its own.
    const followed = what.step.follows.map((other) =>
      JSON.stringify(byName.get(stepName(what.host, other))?.kept ?? null),
    );
    const content = [...what.step.content, ...followed];
    const digest = createHmac("sha256", digestKey).update(JSON.stringify(content)).digest("hex").slice(0, 16);
    const before = kept[what.name];
    const { differences = [], mends = [], obstacles = [] } = drift ?? {};
    const one = obstacles.length > 0 ? { ...what, step: refusedStep(what.host, what.step, obstacles) } : what;
    // What is in the way is there whether or not the step was ever made.
    if (before?.digest !== digest) return { ...one, kept: { digest, repair: "" }, drift: obstacles };
    if (!drift) return { ...one, kept: before, drift: [] };
    const repair = `${now} ${differences.join("; ")}`;
    return { ...one, kept: { digest, repair, ...(mends.length > 0 ? { mends } : {}) }, drift: differences };
  }
}

/** The notes by which a step's script changes: its content, and the last repair. */
export function stepNotes({ kept }: PlannedStep): string[] {
  return [`content ${kept.digest}`, ...(kept.repair ? [`repair ${kept.repair}`] : [])];
}
