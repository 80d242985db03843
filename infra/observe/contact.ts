import { confirmedKeys, pinnedKeys, type RecordedKeys } from "../hosts/host-keys.ts";
import { withHostKeys } from "../model/host-key.ts";
import type { EnvironmentModel } from "../model/types.ts";
import { type HostKeyNotes, hostKeyNotes } from "./host-key-notes.ts";
import { type Observations, observe } from "./index.ts";

export interface Contact {
  /** The model with all host keys that somebody has confirmed. */
  readonly model: EnvironmentModel;
  readonly observations: Observations;
  /** Keys for the stack to record. */
  readonly hostKeys: RecordedKeys;
  readonly notes: HostKeyNotes;
}

/**
 * Observes every host, verified against its known key. If a host has no known key, the key that it shows is kept, and the
 * host must show the same one from then on. `up` asks about it; the model has it only after somebody has confirmed it.
 *
 * @param recorded host keys from the stack's outputs
 */
export async function contactHosts(
  model: EnvironmentModel,
  checkout: string,
  recorded: RecordedKeys,
): Promise<Contact> {
  const before = await pinnedKeys(model, checkout, recorded);
  const observations = await observe(withHostKeys(model, confirmedKeys(before)), checkout);
  const pinned = await pinnedKeys(model, checkout, recorded);
  const keys = confirmedKeys(pinned);
  return {
    model: withHostKeys(model, keys),
    observations: withoutKeys(observations, pinned),
    hostKeys: Object.fromEntries(keys),
    notes: hostKeyNotes(model, observations, pinned),
  };
}

/** A host without a known key can't be changed, even if the engine could connect to it. */
function withoutKeys(observations: Observations, keys: ReadonlyMap<string, unknown>): Observations {
  const consequence = "its host key is not known either, so up can't change anything on it";
  return new Map(
    [...observations].map(([host, answer]) =>
      "unreachable" in answer && !keys.has(host)
        ? [host, { ...answer, unreachable: `${answer.unreachable}; ${consequence}` }]
        : [host, answer],
    ),
  );
}
