import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type * as z from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { writeFileAtomic } from "../lib/files.ts";
import { checkout } from "./places.ts";
import { lockFile } from "./stack-lock.ts";

/** What a verb has begun on a stack, kept until it is done, so that a run that was killed can be continued. */
export interface RunRecord<Content> {
  readonly file: string;
  read(): Promise<Content | undefined>;
  write(content: Content): Promise<void>;
  remove(): Promise<void>;
}

/** Kept beside the stack's lock, so that all who share the lock share the record. */
export const recordFile = (verb: string, stack: string): string => lockFile(stack).replace(/\.lock$/, `.${verb}.json`);

/**
 * Removes the records of a stack's unfinished runs, as its hosts are new.
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
        "check the hosts, then delete the file to start over",
      );
    },
    write: (content) => writeFileAtomic(file, `${JSON.stringify(content, undefined, 2)}\n`),
    remove: () => rm(file, { force: true }),
  };
}

/** Thrown by a step that can't be finished. No later step is started, and the record stays, so that the same command continues with this step. */
export class Stopped extends Error {
  readonly remedy: string | undefined;
  /** What stopped it, one line each. */
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
 * Runs the steps that are not done yet, in order. Each is recorded as done before the next one starts. The record is removed at the end.
 *
 * @param begun the record, to which finished steps are added
 * @param signal when aborted, the current step is finished and no other one is started
 * @throws what a step throws, except `Stopped`, which is a result
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

/** Seconds that each step of this run took. */
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
