import { z } from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { RunRecord } from "../../engine/run-record.ts";

/** In their order. Each may be done again after it was broken off half way. */
export const stepNames = ["state", "journals", "up", "definitions", "flow"] as const;
export type StepName = (typeof stepNames)[number];

export const progressSchema = z.object({
  /** sha256 of the backup. */
  backup: z.string(),
  file: z.string(),
  mode: z.enum(["bare", "standing"]),
  startedAt: z.string(),
  done: z.array(z.enum(stepNames)),
});
export type Progress = z.infer<typeof progressSchema>;

/**
 * How far a restore came that was broken off; undefined where none was.
 * @throws UserError where it was one of another backup: half of each would be on the hosts
 */
export async function readProgress(record: RunRecord<Progress>, backup: string): Promise<Progress | undefined> {
  const progress = await record.read();
  if (progress === undefined || progress.backup === backup) return progress;
  const remedy = `go on with that one: --from ${progress.file}; or remove ${record.file}, and begin anew`;
  throw new UserError("restore", `one from another backup was broken off, begun ${progress.startedAt}`, remedy);
}
