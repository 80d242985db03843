import { randomBytes } from "node:crypto";
import { readFile, rm, stat } from "node:fs/promises";
import type { StackConfig } from "../../../infra/config/index.ts";
import { recordFile } from "../../engine/run-record.ts";
import { readStackConfig, stackConfigFile } from "../../engine/stack-config.ts";
import { writeWhole } from "../../lib/files.ts";

/** As long as a key of AES-192, in letters that no file and no URL quotes. */
export const newSecret = (): string => randomBytes(24).toString("hex");

/** The stack file as it was before the rotation, secrets encrypted: what was valid then is still to be shown to be refused. */
export class FormerStackFile {
  readonly #stack: string;
  readonly #file: string;

  constructor(stack: string) {
    this.#stack = stack;
    this.#file = recordFile("rotate", stack).replace(/\.json$/, ".yaml");
  }

  async keep(): Promise<void> {
    await writeWhole(this.#file, await readFile(stackConfigFile(this.#stack)));
  }

  async isKept(): Promise<boolean> {
    return (await stat(this.#file).catch(() => undefined)) !== undefined;
  }

  read(): Promise<StackConfig> {
    return readStackConfig(this.#stack, this.#file);
  }

  remove(): Promise<void> {
    return rm(this.#file, { force: true });
  }
}
