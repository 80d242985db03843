import { createHash } from "node:crypto";
import { brokerUnit } from "../../../infra/model/names.ts";
import type { ArtifactModel, EnvironmentModel } from "../../../infra/model/types.ts";
import { type KeptSteps, type PlannedStep, stepName } from "../../../infra/resources/plan.ts";

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
 * What differs between the last `up` and now, by what that has kept. Of one that failed, because a unit went back to its former program, a program is
 * kept without its unit: that unit has a turn, too, with all that it runs, or with what it runs already. Pure.
 *
 * @param planned of now, with no drift in it
 * @param kept by the last `up`
 */
export function findChanges(model: EnvironmentModel, planned: readonly PlannedStep[], kept: KeptSteps): Changes {
  const isChanged = ({ name, kept: now }: PlannedStep) => kept[name]?.digest !== now.digest;
  const byName = new Map(planned.map((one) => [one.name, one]));
  const changed = new Set(planned.filter(isChanged).map(({ name }) => name));
  const explained = new Set<string>();
  const changes = model.hosts.flatMap(({ name: host, artifacts, units }) =>
    units.flatMap((unit): Change[] => {
      const own = stepName(host, unit.name);
      const { digest } = byName.get(own)?.kept ?? {};
      const read = unit.reads.filter((path) => changed.has(stepName(host, path)));
      const isAlone = read.length === 0 && changed.has(own);
      const programs = artifacts.filter(({ path }) => (isAlone ? unit.reads : read).includes(path));
      if (digest === undefined || unit.name === brokerUnit || programs.length === 0) return [];
      for (const { path } of programs) explained.add(stepName(host, path));
      if (isAlone || programs.length === read.length) explained.add(own);
      return [{ host, unit: unit.name, programs, digest }];
    }),
  );
  return { changes, others: [...changed].filter((name) => !explained.has(name)) };
}

/** Which rollout it is: the same units to the same programs. */
export const changesId = (changes: readonly Change[]): string =>
  createHash("sha256")
    .update(
      changes
        .map(({ host, unit, digest }) => `${host} ${unit} ${digest}`)
        .toSorted()
        .join("\n"),
    )
    .digest("hex");
