import { rm } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../../../agents/lib/errors.ts";
import { readPulumi, runPulumi } from "../../engine/engine.ts";
import { operationArguments } from "../../engine/operation.ts";
import { ownFolder } from "../../engine/places.ts";
import { refreshFlagsOf } from "../../engine/refresh.ts";
import type { EngineOwner } from "../../engine/toolchain/engine-lock.ts";
import type { Toolchain } from "../../engine/toolchain/toolchain.ts";
import { writeFileAtomic } from "../../lib/files.ts";

export interface EngineContext extends EngineOwner {
  readonly toolchain: Toolchain;
  /** The engine's output is not shown, only kept for error messages. */
  readonly quiet: boolean;
  /** What to do if it fails. */
  readonly remedy: string;
}

/** Replaces the stack's state in the engine, in one write. Uses a temporary file that only this user can read. */
export async function importState({ stack, toolchain, signal }: EngineContext, text: string): Promise<void> {
  const file = join(ownFolder, "state", `.${stack.split("/").at(-1)}.import`);
  await writeFileAtomic(file, text, 0o600);
  try {
    await readPulumi(["stack", "import", "--stack", stack, "--file", file], { stack, toolchain, signal });
  } finally {
    await rm(file, { force: true });
  }
}

/** Runs `./warren up --yes`. @param title printed first @returns no notes, as a step of a replacement @throws UserError if the engine fails */
export async function up(engine: EngineContext, title?: string): Promise<readonly string[]> {
  const { stack, toolchain, signal, quiet, remedy, say } = engine;
  if (title !== undefined) say(title);
  const official = toolchain.plugins.some(({ name, origin }) => name === "rabbitmq" && origin === "official");
  const args = operationArguments(
    { name: "up", withYes: ["--skip-preview"] },
    {
      ...{ stack, yes: true, words: ["--suppress-outputs"] },
      refresh: await refreshFlagsOf(stack, [], { readsBeforeRuns: !official }),
    },
  );
  const options = { stack, toolchain, signal };
  if (quiet) {
    await readPulumi(args, options);
    return [];
  }
  const exitCode = await runPulumi(args, options);
  signal.throwIfAborted();
  if (exitCode === 0) return [];
  throw new UserError(`stack ${stack}`, `pulumi up exited with ${exitCode}; see its output above`, remedy);
}
