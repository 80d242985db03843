import { createHash } from "node:crypto";
import { brokerUnit } from "../../../infra/model/names.ts";
import type { ArtifactModel, EnvironmentModel } from "../../../infra/model/types.ts";
import { type KeptSteps, type PlannedStep, stepName } from "../../../infra/resources/plan.ts";

/** A unit that needs new programs. */
export interface Change {
  readonly host: string;
  readonly unit: string;
  /** Its programs that differ. */
  readonly programs: readonly ArtifactModel[];
  /** The digest of everything that the unit reads, as `up` computes it. It is noted on the host, so that `up` restarts nothing. */
  readonly digest: string;
}

export interface Changes {
  readonly changes: readonly Change[];
  /** Other steps that `up` would change: `HOST STEP`. */
  readonly others: readonly string[];
}

/**
 * Compares the model with what the last `up` kept. If that `up` failed because a unit went back to its previous program, the program was kept but its unit
 * was not: such a unit gets a turn as well, with its changed programs or with all of them. Pure.
 *
 * @param planned current steps, without drift
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

/** Identifies a rollout: the same units with the same programs. */
export const changesId = (changes: readonly Change[]): string =>
  createHash("sha256")
    .update(
      changes
        .map(({ host, unit, digest }) => `${host} ${unit} ${digest}`)
        .toSorted()
        .join("\n"),
    )
    .digest("hex");
