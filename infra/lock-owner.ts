import { readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { UserError } from "../agents/lib/errors.ts";
import { ancestors, startedTicks } from "./process-stat.ts";

const ownerSchema = z.object({
  /** Identifies this acquisition, so that nobody releases another one's lock. */
  token: z.string(),
  user: z.string(),
  host: z.string(),
  pid: z.number(),
  /** In kernel ticks since boot. A later process with the same number has another start time. */
  startedTicks: z.number(),
  bootId: z.string(),
  /** Process numbers of another namespace mean nothing here. */
  pidNamespace: z.string(),
  verb: z.string(),
  since: z.string(),
  /** The process becomes another program and can't release the lock, so its end is not worth a message. */
  endsWithProcess: z.boolean().default(false),
});
export type LockOwner = z.infer<typeof ownerSchema>;

/** `away`: held on another host or in another container, which can't be checked from here. */
export type OwnerState = "alive" | "ended" | "away";

/** The lock of a stack in the folder of locks. */
export const lockFileIn = (folder: string, stack: string): string => join(folder, `${stack.split("/").at(-1)}.lock`);

/**
 * The error for a run of the engine while somebody else changes the stack: who, since when, what to do. There is none if the lock's holder has
 * started this run: its process is then above this one.
 */
export async function otherHolder(stack: string, folder: string): Promise<UserError | undefined> {
  const owner = await readOwner(lockFileIn(folder, stack), stack);
  if (owner === undefined || ownerState(owner) === "ended") return undefined;
  if (ownerState(owner) === "alive" && ancestors().includes(owner.pid)) return undefined;
  return lockRefusal(stack, owner);
}

/** `root@vm process 4711 (restore, since 2026-01-02 03:04:05 UTC, 12 minutes)`. */
export function describeOwner(owner: LockOwner, now = new Date()): string {
  const since = owner.since.replace("T", " ").slice(0, 19);
  const age = ageText(now.getTime() - Date.parse(owner.since));
  return `${owner.user}@${owner.host} process ${owner.pid} (${owner.verb}, since ${since} UTC, ${age})`;
}

/** In the largest unit of which there are at least two: `90 seconds`, `5 hours`. */
export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units = [
    ["days", 86_400],
    ["hours", 3600],
    ["minutes", 60],
  ] as const;
  const [unit, size] = units.find(([, each]) => seconds >= 2 * each) ?? ["seconds", 1];
  return `${Math.floor(seconds / size)} ${unit}`;
}

export function ownerState(owner: LockOwner): OwnerState {
  if (owner.host !== hostname()) return "away";
  if (owner.bootId !== bootId()) return "ended";
  if (owner.pidNamespace !== pidNamespace()) return "away";
  return startedTicks(owner.pid) === owner.startedTicks ? "alive" : "ended";
}

export function lockRefusal(stack: string, owner: LockOwner): UserError {
  const release = `./warren lock -s ${stack} --release`;
  const remedy =
    ownerState(owner) === "alive"
      ? `wait until it has ended, or end it (kill ${owner.pid}); a lock of a process that has ended is taken over`
      : `see whether it still runs there; if not: ${release}`;
  return new UserError(`stack ${stack}`, `is locked by ${describeOwner(owner)}`, remedy);
}

export const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
export const pidNamespace = (): string => readlinkSync("/proc/self/ns/pid");

/** @returns undefined where it is free. @throws UserError where the lock does not name its owner, unless `damagedToo` */
export async function readOwner(
  file: string,
  stack: string,
  { damagedToo = false } = {},
): Promise<LockOwner | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch (cause) {
    if (damagedToo) return undefined;
    const remedy = `./warren lock -s ${stack} --release removes it`;
    throw new UserError(file, "is a lock that does not name its owner", remedy, { cause });
  }
}
