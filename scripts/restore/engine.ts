import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../agents/lib/errors.ts";
import { readPulumi, runPulumi } from "../toolchain/engine.ts";
import { writeWhole } from "../toolchain/files.ts";
import { operationArguments } from "../toolchain/operation.ts";
import { ownFolder } from "../toolchain/places.ts";
import { refreshFlagsOf } from "../toolchain/refresh.ts";
import { stackSettings, stateFile } from "../toolchain/stack.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";

export interface EngineContext {
  readonly stack: string;
  readonly toolchain: Toolchain;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
  /** The engine's words are kept for errors, and not shown. */
  readonly quiet: boolean;
  /** What to do where it fails; a restore's unless given. */
  readonly remedy?: string;
}

/** Has the engine take a state for the stack's own, in one write. It goes by a file of this user's alone. */
export async function importState({ stack, toolchain, signal }: EngineContext, text: string): Promise<void> {
  const file = join(ownFolder, "state", `.${stack.split("/").at(-1)}.import`);
  await writeWhole(file, text, 0o600);
  try {
    await readPulumi(["stack", "import", "--stack", stack, "--file", file], { stack, toolchain, signal });
  } finally {
    await rm(file, { force: true });
  }
}

/** What `./warren up --yes` does. @throws UserError where the engine fails */
export async function up({ stack, toolchain, signal, quiet, remedy }: EngineContext): Promise<void> {
  const official = toolchain.plugins.some(({ name, origin }) => name === "rabbitmq" && origin === "official");
  const args = operationArguments(
    { name: "up", always: ["--continue-on-error"], withYes: ["--skip-preview"] },
    {
      ...{ stack, yes: true, words: ["--suppress-outputs"] },
      refresh: await refreshFlagsOf(stack, [], { readsBeforeRuns: !official }),
    },
  );
  const options = { stack, toolchain, signal };
  if (quiet) {
    await readPulumi(args, options);
    return;
  }
  const exitCode = await runPulumi(args, options);
  signal.throwIfAborted();
  if (exitCode === 0) return;
  throw new UserError(
    `stack ${stack}`,
    `pulumi up ended with ${exitCode}; its own words are above`,
    remedy ?? "mend it and restore again, from the same backup: it goes on from here",
  );
}

const engineLockSchema = (text: string) => JSON.parse(text) as { readonly pid: number; readonly hostname: string };
const lookAgainMs = 500;

/**
 * After a restore was killed its engine may have gone on: it is waited for. Where it was killed as well, its lock on the state is taken away. Only a
 * state in a folder is looked at; another backend tells of its lock itself.
 */
export async function freeEngine({ stack, toolchain, signal, say }: EngineContext): Promise<void> {
  const backend = stackSettings(stack, { canAsk: true }).env.PULUMI_BACKEND_URL ?? process.env.PULUMI_BACKEND_URL ?? "";
  const state = stateFile(backend, stack);
  if (state === undefined) return;
  const folder = join(dirname(state), "../../locks/organization/warren", basename(state, ".json"));
  let told = false;
  for (;;) {
    const owners = locksIn(folder);
    if (owners.length === 0) return;
    if (owners.some((owner) => owner.hostname !== hostname())) return;
    if (!owners.some(({ pid }) => isEngine(pid))) break;
    if (!told)
      say(
        `the engine of an earlier run is at work (process ${owners.map(({ pid }) => pid).join(", ")}): it is waited for`,
      );
    told = true;
    await sleep(lookAgainMs, undefined, { signal });
  }
  say("the engine of an earlier run was killed: its lock is taken away");
  dropTornAttributes(state);
  await readPulumi(["cancel", "--yes", "--stack", stack], { stack, toolchain, signal });
}

/**
 * The engine keeps attributes of its state in a file beside it, and writes that not in one step. A kill in the middle leaves half of it, or nothing, by
 * which the engine takes the whole state for unreadable; where the file isn't there, nothing is missed. Only while no engine works on the state.
 */
export function dropTornAttributes(state: string): void {
  const file = `${state}.attrs`;
  try {
    JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) rmSync(file);
    else if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

function locksIn(folder: string): { readonly pid: number; readonly hostname: string }[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .map((name) => engineLockSchema(readFileSync(join(folder, name), "utf8")));
  } catch (error) {
    // No folder: never locked. A file that is gone or half written: looked at again by whoever meets its lock.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || error instanceof SyntaxError) return [];
    throw error;
  }
}

function isEngine(pid: number): boolean {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)).startsWith("pulumi");
  } catch {
    return false;
  }
}
