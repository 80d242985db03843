import type { Observations } from "./index.ts";

/**
 * Additional repairs for a unit that runs but doesn't do its work: `restart` it; `login`: restore the broker's administrator; `declare`: make the
 * agents reconnect, so that they declare what is missing.
 */
export type Repair = "restart" | "login" | "declare";

export interface StepDrift {
  /** How the thing differs, for people. */
  readonly differences: readonly string[];
  readonly mends: readonly Repair[];
  /** Differences that prevent the step, see `hostObstacles`; absent if there are none. */
  readonly obstacles?: readonly string[];
}

/** Drift by host and step name. Every observed host has an entry; a step without drift has none. */
export type HostDrifts = ReadonlyMap<string, ReadonlyMap<string, StepDrift>>;

/** undefined if the host could not be observed. */
export function addressesOf(observations: Observations, host: string): readonly string[] | undefined {
  const observed = observations.get(host);
  return observed && !("unreachable" in observed) ? observed.addresses : undefined;
}

/** Collects drift of the same hosts from several sources. */
export class DriftCollector {
  readonly #hosts = new Map<string, Map<string, StepDrift>>();

  /** Adds an observed host; only observed hosts can have drift. */
  addHost(
    host: string,
    drift: ReadonlyMap<string, readonly string[]>,
    obstacles: ReadonlyMap<string, readonly string[]> = new Map(),
  ): void {
    const steps = [...drift].map(([step, differences]): [string, StepDrift] => {
      const found = obstacles.get(step);
      return [step, { differences, mends: [], ...(found ? { obstacles: found } : {}) }];
    });
    this.#hosts.set(host, new Map(steps));
  }

  /** @returns whether it was recorded: an unreachable host can't be repaired either */
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
