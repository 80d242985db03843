import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { recordFile } from "../../engine/run-record.ts";
import { readStackConfig, stackConfigFile } from "../../engine/stack-config.ts";
import { exists, writeFileAtomic } from "../../lib/files.ts";

/** As long as a key of AES-192, in letters that no file and no URL quotes. */
export const newSecret = (): string => randomBytes(24).toString("hex");

/** The stack file as it was before the rotation, secrets encrypted: what was valid then is still to be shown to be refused. */
export function formerStackFile(stack: string) {
  const file = recordFile("rotate", stack).replace(/\.json$/, ".yaml");
  return {
    keep: async () => writeFileAtomic(file, await readFile(stackConfigFile(stack))),
    /** The config of now where there is none. */
    read: async () => readStackConfig(stack, (await exists(file)) ? file : undefined),
    remove: () => rm(file, { force: true }),
  };
}
