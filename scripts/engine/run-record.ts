import { readdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import type { z } from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { writeWhole } from "../lib/files.ts";
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
    write: (content) => writeWhole(file, `${JSON.stringify(content, undefined, 2)}\n`),
    remove: () => rm(file, { force: true }),
  };
}

/** Runs the steps that are not done yet, in their order, each noted before the next one begins, and removes the record at the end. */
export async function runSteps<Step extends string, Content extends { readonly done: readonly Step[] }>(
  record: RunRecord<Content>,
  begun: Content,
  steps: readonly Step[],
  run: (step: Step) => Promise<void>,
): Promise<void> {
  let progress = begun;
  await record.write(progress);
  for (const step of steps) {
    if (progress.done.includes(step)) continue;
    await run(step);
    progress = { ...progress, done: [...progress.done, step] };
    await record.write(progress);
  }
  await record.remove();
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
