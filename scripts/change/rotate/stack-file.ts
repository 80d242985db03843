import { randomBytes } from "node:crypto";
import { copyFile, rename, rm, stat } from "node:fs/promises";
import type { StackConfig } from "../../../infra/config/index.ts";
import { recordFile } from "../../engine/run-record.ts";
import { readStackConfig, stackConfigFile } from "../../engine/stack-config.ts";

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
    const temporary = `${this.#file}.new`;
    await copyFile(stackConfigFile(this.#stack), temporary);
    await rename(temporary, this.#file);
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
