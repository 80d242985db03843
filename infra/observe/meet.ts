import { keysOf, pinnedKeys, type RecordedKeys } from "../hosts/host-keys.ts";
import { withHostKeys } from "../model/host-key.ts";
import type { EnvironmentModel } from "../model/types.ts";
import { type HostKeyNotes, hostKeyNotes } from "./host-key-notes.ts";
import { type Observations, observe } from "./index.ts";

export interface Meeting {
  /** The model with the host keys that are known now. */
  readonly model: EnvironmentModel;
  readonly observations: Observations;
  /** To be recorded in the stack. */
  readonly hostKeys: RecordedKeys;
  readonly notes: HostKeyNotes;
}

/**
 * Asks every host, each held to the key that is known of it; the key of a host that nobody knows is taken as it comes, and pinned.
 *
 * @param recorded host keys that the stack has recorded
 */
export async function meetHosts(model: EnvironmentModel, checkout: string, recorded: RecordedKeys): Promise<Meeting> {
  const before = await pinnedKeys(model, checkout, recorded);
  const observations = await observe(withHostKeys(model, keysOf(before)), checkout);
  const pinned = await pinnedKeys(model, checkout, recorded);
  const keys = keysOf(pinned);
  return {
    model: withHostKeys(model, keys),
    observations: withUnmet(observations, keys),
    hostKeys: Object.fromEntries(keys),
    notes: hostKeyNotes(model, observations, pinned),
  };
}

/** Without a key nothing can be done on a host, also where the engine could reach it. */
function withUnmet(observations: Observations, keys: ReadonlyMap<string, string>): Observations {
  const unmet = "nor is its host key known, so up can do nothing on it";
  return new Map(
    [...observations].map(([host, answer]) =>
      "unreachable" in answer && !keys.has(host)
        ? [host, { ...answer, unreachable: `${answer.unreachable}; ${unmet}` }]
        : [host, answer],
    ),
  );
}
