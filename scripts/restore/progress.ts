import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { writeDurable } from "../backup/file.ts";
import { lockFile } from "../lib/stack-lock.ts";

/** In their order. Each may be done again after it was broken off half way. */
export const stepNames = ["state", "journals", "up", "definitions", "flow"] as const;
export type StepName = (typeof stepNames)[number];

const progressSchema = z.object({
  /** sha256 of the backup. */
  backup: z.string(),
  file: z.string(),
  mode: z.enum(["bare", "standing"]),
  startedAt: z.string(),
  done: z.array(z.enum(stepNames)),
});
export type Progress = z.infer<typeof progressSchema>;

/** Beside the stack's lock. */
export const progressFile = (stack: string): string => lockFile(stack).replace(/\.lock$/, ".restore.json");

/**
 * How far a restore came that was broken off; undefined where none was.
 * @throws UserError where it was one of another backup: half of each would be on the hosts
 */
export async function readProgress(file: string, backup: string): Promise<Progress | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  let progress: Progress;
  try {
    progress = progressSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new UserError(file, "tells of a restore and can't be read", "remove it: the restore begins anew", { cause });
  }
  if (progress.backup === backup) return progress;
  const remedy = `go on with that one: --from ${progress.file}; or remove ${file}, and begin anew`;
  throw new UserError("restore", `one from another backup was broken off, begun ${progress.startedAt}`, remedy);
}

export const writeProgress = (file: string, progress: Progress): Promise<void> =>
  writeDurable(file, Buffer.from(`${JSON.stringify(progress, undefined, 2)}\n`));

export const endProgress = (file: string): Promise<void> => rm(file, { force: true });

/** Runs the steps that are not done yet, in their order, each noted before the next one begins. */
export async function runSteps(file: string, begun: Progress, run: (step: StepName) => Promise<void>): Promise<void> {
  let progress = begun;
  await writeProgress(file, progress);
  for (const step of stepNames) {
    if (progress.done.includes(step)) continue;
    await run(step);
    progress = { ...progress, done: [...progress.done, step] };
    await writeProgress(file, progress);
  }
  await endProgress(file);
}
