import * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { RunRecord } from "../../engine/run-record.ts";
import type { HostStep } from "../restart/plan.ts";
import { restartRecord } from "../restart/progress.ts";
import { type Change, changesId } from "./changes.ts";

export const rolloutRecord = restartRecord.extend({
  /** Identifies the programs, see `changesId`. */
  changes: z.string(),
  /** The reason for a rollback. */
  backFor: z.string().optional(),
});
export type RolloutRecord = z.infer<typeof rolloutRecord>;

/** Removes the record. @throws UserError if it is of an interrupted rollout of other agents, which only their checkout can continue */
export async function forgetDone(stack: string, kept: RunRecord<RolloutRecord>): Promise<void> {
  const before = await kept.read();
  await kept.remove();
  const hosts = [...(before?.done ?? []), ...(before?.begun ? [before.begun.host] : [])];
  if (hosts.length === 0) return;
  const what = `a rollout was interrupted, so other agents than this checkout's may run on ${hosts.join(", ")}`;
  throw new UserError(`stack ${stack}`, what, `install the agents of this checkout with ./warren up -s ${stack}`);
}

/** The record of an interrupted rollout of the same programs, or a new one. If the programs have changed again, the rollout starts from scratch. */
export function recordOf(
  changes: readonly Change[],
  all: readonly HostStep[],
  before: RolloutRecord | undefined,
): RolloutRecord {
  const id = changesId(changes);
  if (before && (before.changes === id || before.backFor !== undefined)) {
    process.stderr.write(`continues the rollout of ${before.startedAt}\n`);
    return before;
  }
  const turns = all.flatMap((turn) => {
    const units = turn.units.filter((unit) => changes.some((one) => one.host === turn.host && one.unit === unit));
    return units.length > 0 ? [{ ...turn, units }] : [];
  });
  return { startedAt: new Date().toISOString(), turns, done: [], changes: id };
}
