import { randomBytes } from "node:crypto";
import { copyFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../../infra/config/index.ts";
import { recordFile } from "../lib/run-record.ts";
import { readStackConfig } from "../lib/stack.ts";
import { engineCommand } from "../toolchain/engine.ts";
import { checkout } from "../toolchain/places.ts";
import { stackSettings } from "../toolchain/stack.ts";

/** As long as a key of AES-192, in letters that no file and no URL quotes. */
export const newSecret = (): string => randomBytes(24).toString("hex");

/** A key of a path as the engine takes it, whatever signs it has. */
export const key = (name: string): string => `["${name.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"]`;

/** Writes a value into the stack's config file, as a person does by `./warren pulumi config set`; it goes by standard input, a secret is encrypted. */
export async function setConfig(stack: string, path: string, value: string, secret: boolean): Promise<void> {
  const words = ["config", "set", "--stack", stack, ...(secret ? ["--secret"] : []), "--path", path];
  const { program, args, cwd, env } = await engineCommand(words, { stack, output: "capture" });
  const result = await execa(program, [...args], { cwd, env, extendEnv: false, input: `${value}\n`, reject: false });
  if (!result.failed) return;
  throw new UserError(`stack ${stack}`, `${path} can't be set: ${result.stderr.trim() || result.shortMessage}`);
}

/** The stack file as it was before the rotation, secrets encrypted: what was valid then is still to be shown to be refused. */
export class FormerStackFile {
  readonly #stack: string;
  readonly #file: string;

  constructor(stack: string) {
    this.#stack = stack;
    this.#file = recordFile("rotate", stack).replace(/\.json$/, ".yaml");
  }

  async keep(): Promise<void> {
    const name = this.#stack.split("/").at(-1) ?? this.#stack;
    const now = stackSettings(this.#stack, { canAsk: true }).configFile;
    const temporary = `${this.#file}.new`;
    await copyFile(now ?? join(checkout, "stacks", `Pulumi.${name}.yaml`), temporary);
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
