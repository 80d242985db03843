import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { z } from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { checkout } from "./places.ts";
import { lockFile } from "./stack-lock.ts";

/** What a verb has begun on a stack, kept until it is done: a run that was killed is gone on with. */
export interface RunRecord<Content> {
  readonly file: string;
  read(): Promise<Content | undefined>;
  write(content: Content): Promise<void>;
  remove(): Promise<void>;
}

/** Beside the stack's lock: who shares the one shares the other. */
export const recordFile = (verb: string, stack: string): string => lockFile(stack).replace(/\.lock$/, `.${verb}.json`);

/**
 * Forgets what verbs have begun on a stack: its hosts are others now.
 *
 * @param lock of the stack
 */
export async function forgetRuns(stack: string, lock = lockFile(stack)): Promise<void> {
  const name = path.basename(lock, ".lock");
  const folder = path.dirname(lock);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const begun = names.filter(
    (file) => file.startsWith(`${name}.`) && /^[a-z-]+\.(json|yaml)$/.test(file.slice(name.length + 1)),
  );
  await Promise.all(begun.map((file) => rm(path.join(folder, file), { force: true })));
}

/** @throws UserError by `read` where the file is not what the verb writes */
export function runRecord<Content>(
  verb: string,
  stack: string,
  schema: z.ZodType<Content>,
  file: string = recordFile(verb, stack),
): RunRecord<Content> {
  return {
    file,
    async read() {
      const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      if (text === undefined) return undefined;
      const found = schema.safeParse(parsed(text));
      if (found.success) return found.data;
      throw new UserError(
        path.relative(checkout, file),
        `is not what ${verb} writes there`,
        "delete it to begin anew; look at the hosts first",
      );
    },
    write: (content) => writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`),
    remove: () => rm(file, { force: true }),
  };
}

/** Thrown by a step that can't be finished: no later one is begun, and the record stays, so that the same command continues with this step. */
export class Stopped extends Error {
  readonly remedy: string | undefined;
  /** All that stopped it, a line each. */
  readonly findings: readonly string[];

  constructor(findings: readonly string[], remedy?: string) {
    super(findings.join("; "));
    this.findings = findings;
    this.remedy = remedy;
  }
}

export interface StepResult<Step extends string = string> {
  readonly step: Step;
  readonly outcome: "done" | "done before" | "stopped" | "not begun";
  readonly seconds?: number;
  readonly stopped?: Stopped;
}

/**
 * Runs the steps that are not done yet, in their order, each on record before the next one begins. The record is removed at the end.
 *
 * @param begun the record, to which done steps are added
 * @param signal aborted: the step that is under way is finished, and no other one is begun
 * @throws what a step throws, but for `Stopped`, which is a result
 */
export async function runSteps<Step extends string, Content extends { readonly done: Step[] }>(
  record: RunRecord<Content>,
  begun: Content,
  steps: readonly Step[],
  run: (step: Step) => Promise<unknown>,
  signal?: AbortSignal,
): Promise<StepResult<Step>[]> {
  const isDone = (step: Step) => begun.done.includes(step);
  const results = steps.map(
    (step): StepResult<Step> => ({ step, outcome: isDone(step) ? "done before" : "not begun" }),
  );
  await record.write(begun);
  for (const [index, step] of steps.entries()) {
    if (isDone(step)) continue;
    if (signal?.aborted) return results;
    const beganMs = performance.now();
    const stopped = await run(step).then(() => undefined, stoppedBy);
    const seconds = Math.round(performance.now() - beganMs) / 1000;
    results[index] = stopped ? { step, outcome: "stopped", seconds, stopped } : { step, outcome: "done", seconds };
    if (stopped) return results;
    begun.done.push(step);
    await record.write(begun);
  }
  await record.remove();
  return results;
}

/** Seconds of each step that was done now. */
export const secondsOf = <Step extends string>(results: readonly StepResult<Step>[]) =>
  Object.fromEntries(
    results.flatMap(({ step, outcome, seconds }) => (outcome === "done" ? [[step, seconds]] : [])),
  ) as Partial<Record<Step, number>>;

function stoppedBy(error: unknown): Stopped {
  if (error instanceof Stopped) return error;
  throw error;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
