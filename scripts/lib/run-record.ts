import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { z } from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { checkout, ownFolder } from "../toolchain/places.ts";

/** What a verb has begun on a stack, kept in the checkout until it is done: a run that was killed is gone on with. */
export interface RunRecord<Content> {
  read(): Promise<Content | undefined>;
  write(content: Content): Promise<void>;
  remove(): Promise<void>;
}

/** @throws UserError by `read` where the file is not what the verb writes */
export function runRecord<Content>(
  verb: string,
  stack: string,
  schema: z.ZodType<Content>,
  folder: string = path.join(ownFolder, "runs"),
): RunRecord<Content> {
  const file = path.join(folder, `${stack.replaceAll("/", "+")}.${verb}.json`);
  return {
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
    async write(content) {
      await mkdir(folder, { recursive: true });
      await writeFile(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { flush: true });
      await rename(`${file}.new`, file);
    },
    remove: () => rm(file, { force: true }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
