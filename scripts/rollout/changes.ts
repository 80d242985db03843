import { brokerUnit } from "../../infra/model/names.ts";
import type { ArtifactModel, EnvironmentModel } from "../../infra/model/types.ts";
import { type KeptSteps, type PlannedStep, stepName } from "../../infra/resources/plan.ts";

/** A unit that is to run with another program. */
export interface Change {
  readonly host: string;
  readonly unit: string;
  /** Those of what it runs that differ. */
  readonly programs: readonly ArtifactModel[];
  /** Of all that the unit reads, as `up` will reckon it: noted on the host, so that `up` has nothing more to restart. */
  readonly digest: string;
}

export interface Changes {
  readonly changes: readonly Change[];
  /** Steps that `up` would change for other reasons: `HOST STEP`. */
  readonly others: readonly string[];
}

/**
 * What differs between the last `up` and now, by what that has kept. Pure.
 *
 * @param planned of now, with no drift in it
 * @param kept by the last `up`
 */
export function findChanges(model: EnvironmentModel, planned: readonly PlannedStep[], kept: KeptSteps): Changes {
  const isChanged = ({ name, kept: now }: PlannedStep) => kept[name]?.digest !== now.digest;
  const changed = new Map(planned.filter(isChanged).map((one) => [one.name, one]));
  const explained = new Set<string>();
  const changes = model.hosts.flatMap(({ name: host, artifacts, units }) =>
    units.flatMap((unit): Change[] => {
      const own = changed.get(stepName(host, unit.name));
      const read = unit.reads.filter((path) => changed.has(stepName(host, path)));
      const programs = artifacts.filter(({ path }) => read.includes(path));
      if (!own || unit.name === brokerUnit || programs.length === 0) return [];
      for (const { path } of programs) explained.add(stepName(host, path));
      if (programs.length === read.length) explained.add(own.name);
      return [{ host, unit: unit.name, programs, digest: own.kept.digest }];
    }),
  );
  return { changes, others: [...changed.keys()].filter((name) => !explained.has(name)) };
}
