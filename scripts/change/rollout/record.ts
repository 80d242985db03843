import { z } from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { RunRecord } from "../../engine/run-record.ts";
import type { HostStep } from "../restart/plan.ts";
import { restartRecord } from "../restart/progress.ts";
import { type Change, changesId } from "./changes.ts";

export const rolloutRecord = restartRecord.extend({
  /** Which programs. */
  changes: z.string(),
  /** Why it goes back to the former ones. */
  backFor: z.string().optional(),
});
export type RolloutRecord = z.infer<typeof rolloutRecord>;

/** @throws UserError where one was broken off that only goes on with the agents it was of */
export async function forgetDone(stack: string, kept: RunRecord<RolloutRecord>): Promise<void> {
  const before = await kept.read();
  await kept.remove();
  const hosts = [...(before?.done ?? []), ...(before?.begun ? [before.begun.host] : [])];
  if (hosts.length === 0) return;
  const what = `a rollout was broken off, and other agents than this checkout's may run on ${hosts.join(", ")}`;
  throw new UserError(`stack ${stack}`, what, `./warren up -s ${stack} brings back those of this checkout`);
}

/** The record of a rollout of the same programs that was broken off, or a new one. Programs that differ again begin anew. */
export function recordOf(
  changes: readonly Change[],
  all: readonly HostStep[],
  before: RolloutRecord | undefined,
): RolloutRecord {
  const id = changesId(changes);
  if (before && (before.changes === id || before.backFor !== undefined)) {
    process.stderr.write(`goes on with the rollout of ${before.startedAt}\n`);
    return before;
  }
  const turns = all.flatMap((turn) => {
    const units = turn.units.filter((unit) => changes.some((one) => one.host === turn.host && one.unit === unit));
    return units.length > 0 ? [{ ...turn, units }] : [];
  });
  return { startedAt: new Date().toISOString(), turns, done: [], changes: id };
}
