import { withHostKeys } from "../model/host-key.ts";
import type { EnvironmentModel } from "../model/types.ts";
import { type HostKeyNotes, hostKeyNotes } from "./host-key-notes.ts";
import { type PinnedKey, pinnedKeys, type RecordedKeys } from "./host-keys.ts";
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
    observations,
    hostKeys: Object.fromEntries(keys),
    notes: hostKeyNotes(model, observations, pinned),
  };
}

const keysOf = (pinned: ReadonlyMap<string, PinnedKey>): Map<string, string> =>
  new Map([...pinned].map(([host, { key }]) => [host, key]));
