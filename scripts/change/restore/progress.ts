import * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { RunRecord } from "../../engine/run-record.ts";

/** In order. Each step can be repeated after it was interrupted. */
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
 * The progress of an interrupted restore; undefined if there is none.
 * @throws UserError if it was from another backup: hosts would get a mixture of both
 */
export async function readProgress(record: RunRecord<Progress>, backup: string): Promise<Progress | undefined> {
  const progress = await record.read();
  if (progress === undefined || progress.backup === backup) return progress;
  const remedy = `continue it with --from ${progress.file}, or delete ${record.file} to start from scratch`;
  throw new UserError(
    "restore",
    `a restore from another backup, started ${progress.startedAt}, was interrupted`,
    remedy,
  );
}
