import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { recordFile } from "../../engine/run-record.ts";
import { readStackConfig, stackConfigFile } from "../../engine/stack-config.ts";
import { exists, writeFileAtomic } from "../../lib/files.ts";

/** As long as an AES-192 key, in characters that need no quoting in files or URLs. */
export const newSecret = (): string => randomBytes(24).toString("hex");

/** A copy of the stack file from before the rotation, with its secrets encrypted: needed to check that the previous secrets are refused. */
export function formerStackFile(stack: string) {
  const file = recordFile("rotate", stack).replace(/\.json$/, ".yaml");
  return {
    keep: async () => writeFileAtomic(file, await readFile(stackConfigFile(stack))),
    /** Reads the current config if there is no copy. */
    read: async () => readStackConfig(stack, (await exists(file)) ? file : undefined),
    remove: () => rm(file, { force: true }),
  };
}
