import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { poll } from "../../lib/poll.ts";
import { readPulumi } from "../engine.ts";
import { stateFileOf } from "../stack.ts";
import type { Toolchain } from "./toolchain.ts";

/** A verb that runs the engine on a stack. */
export interface EngineOwner {
  readonly stack: string;
  /** Installed on demand, unless given. */
  readonly toolchain?: Toolchain;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

const engineLockSchema = (text: string) => JSON.parse(text) as { readonly pid: number; readonly hostname: string };
const lookAgainMs = 500;

/**
 * The engine of a killed verb may still be running: this waits for it. If the engine was killed as well, its lock on the state is removed. Only for
 * a state in a folder; another backend reports its lock itself. The caller holds the stack's lock.
 */
export async function freeEngine({ stack, toolchain, signal, say }: EngineOwner): Promise<void> {
  const state = stateFileOf(stack);
  if (state === undefined) return;
  const folder = join(dirname(state), "../../locks/organization/warren", basename(state, ".json"));
  let told = false;
  const left = (): "nothing of ours" | "a dead engine's" | undefined => {
    const owners = locksIn(folder);
    if (owners.length === 0 || owners.some((owner) => owner.hostname !== hostname())) return "nothing of ours";
    if (!owners.some(({ pid }) => isEngine(pid))) return "a dead engine's";
    const processes = owners.map(({ pid }) => pid).join(", ");
    if (!told) say(`waiting for the engine of an earlier run (process ${processes})`);
    told = true;
    return undefined;
  };
  if ((await poll(left, { everyMs: lookAgainMs, signal })) === "nothing of ours") return;
  say("the engine of an earlier run was killed: removing its lock");
  dropTornAttributes(state);
  await readPulumi(["cancel", "--yes", "--stack", stack], { stack, toolchain, signal });
}

/**
 * The engine keeps attributes of its state in a file beside it, and does not write that file atomically. A kill in between leaves it truncated or
 * empty, and then the engine can't read the state at all. It does without the file. Call this only while no engine works on the state.
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
    // No folder: never locked. A file that is gone or half written is checked again when its lock is next found.
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
