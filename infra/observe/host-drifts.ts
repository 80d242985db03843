import type { Observations } from "./index.ts";

/**
 * What mends a unit that runs and yet doesn't do its work, beyond bringing it up: `restart` it; `login`: give the broker its administrator back;
 * `declare`: have the agents connect anew, so that they declare what is missing.
 */
export type Repair = "restart" | "login" | "declare";

export interface StepDrift {
  /** How the thing differs, for people. */
  readonly differences: readonly string[];
  readonly mends: readonly Repair[];
  /** Those of the differences that are in the step's way, see `hostObstacles`; left out where nothing is. */
  readonly obstacles?: readonly string[];
}

/** Drift by host and name of the step. Every host that was asked is in it; a step that is as it should be is not. */
export type HostDrifts = ReadonlyMap<string, ReadonlyMap<string, StepDrift>>;

/** undefined where the host was not asked, or can't be. */
export function addressesOf(observations: Observations, host: string): readonly string[] | undefined {
  const observed = observations.get(host);
  return observed && !("unreachable" in observed) ? observed.addresses : undefined;
}

/** Collects drift from several looks at the same hosts. */
export class DriftCollector {
  readonly #hosts = new Map<string, Map<string, StepDrift>>();

  /** A host that was asked: only such a one can have drifted. */
  addHost(
    host: string,
    drift: ReadonlyMap<string, readonly string[]>,
    obstacles: ReadonlyMap<string, readonly string[]> = new Map(),
  ): void {
    const steps = [...drift].map(([step, differences]): [string, StepDrift] => {
      const inTheWay = obstacles.get(step);
      return [step, { differences, mends: [], ...(inTheWay ? { obstacles: inTheWay } : {}) }];
    });
    this.#hosts.set(host, new Map(steps));
  }

  /** @returns whether it was taken: a host that can't be asked can't be mended either */
  note(host: string, step: string, differences: readonly string[], mends: readonly Repair[] = []): boolean {
    const steps = this.#hosts.get(host);
    if (!steps) return false;
    const before = steps.get(step);
    steps.set(step, {
      ...before,
      differences: [...(before?.differences ?? []), ...differences],
      mends: [...new Set([...(before?.mends ?? []), ...mends])],
    });
    return true;
  }

  get hosts(): HostDrifts {
    return this.#hosts;
  }
}
