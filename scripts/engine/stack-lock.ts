import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { link, mkdir, open, readFile, rm } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { UserError } from "../../agents/lib/errors.ts";
import { temporaryName } from "../lib/files.ts";
import { withLock } from "../lib/machine-lock.ts";
import { startedTicks } from "../lib/process-stat.ts";
import { checkout } from "./places.ts";
import { stateFileOf } from "./stack.ts";

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

export interface StackLock {
  readonly owner: LockOwner;
  /** Called between two steps. @throws UserError where somebody has released the lock by hand */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

export interface LockRequest {
  readonly stack: string;
  readonly verb: string;
  /** Called when the lock of a killed process is taken over. */
  readonly say: (text: string) => void;
  readonly endsWithProcess?: boolean;
  /** Folder of the lock; beside the stack's state unless given. */
  readonly file?: string;
}

/**
 * Beside the state where that is in a folder, so that all who share the state share the lock. Otherwise in this checkout: there it separates this
 * machine's runs, and the backend's own lock the others.
 */
export function lockFile(stack: string): string {
  const state = stateFileOf(stack);
  // Not in FOLDER/.pulumi/stacks/PROJECT: the engine treats each file there as a stack.
  const folder = state === undefined ? join(checkout, ".warren/locks") : join(dirname(state), "../../../locks");
  return join(folder, `${stack.split("/").at(-1)}.lock`);
}

/** Runs `work` while holding the stack's lock. @throws UserError where somebody else holds it: who, since when, how to release it */
export async function withStackLock<T>(request: LockRequest, work: (lock: StackLock) => Promise<T>): Promise<T> {
  const lock = await acquireStackLock(request);
  try {
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/**
 * Takes the lock, or fails at once. It is made by link(2) of a complete file, so exactly one of several processes on any host gets it. A lock whose
 * process has ended on this host is taken over; a machine-wide lock keeps two processes from doing so at the same time.
 *
 * @throws UserError where somebody else has it
 */
export async function acquireStackLock(request: LockRequest): Promise<StackLock> {
  const { stack, say, file = lockFile(stack) } = request;
  const owner = selfAsOwner(request);
  await mkdir(dirname(file), { recursive: true });
  await alone(file, async () => {
    const before = await readOwner(file, stack);
    if (before !== undefined) {
      if (ownerState(before) !== "ended") throw refusal(stack, before);
      if (!before.endsWithProcess) say(`took over the lock of ${describeOwner(before)}: that process has ended`);
      await rm(file, { force: true });
    }
    if (await create(file, owner)) return;
    // Another host took it between our check and the link.
    const now = await readOwner(file, stack);
    throw now
      ? refusal(stack, now)
      : new UserError(`stack ${stack}`, "somebody else has just taken or released it", "try again");
  });
  const isHeld = async () => (await readOwner(file, stack))?.token === owner.token;
  return {
    owner,
    async assertHeld() {
      if (await isHeld()) return;
      throw new UserError(
        `stack ${stack}`,
        "somebody else released its lock during this run",
        "find out who is changing it",
      );
    },
    release: () =>
      alone(file, async () => {
        if (await isHeld()) await rm(file, { force: true });
      }),
  };
}

/** @returns undefined where it is free. @throws UserError where the lock does not name its owner */
export const stackLockOwner = (stack: string, file = lockFile(stack)): Promise<LockOwner | undefined> =>
  readOwner(file, stack);

/**
 * For `./warren lock --release`. @returns the former owner; undefined where there was none
 * @throws UserError where the owner's process is still running on this host
 */
export async function releaseStackLock(stack: string, file = lockFile(stack)): Promise<LockOwner | undefined> {
  await mkdir(dirname(file), { recursive: true });
  return alone(file, async () => {
    const owner = await readOwner(file, stack, { damagedToo: true });
    if (owner && ownerState(owner) === "alive") {
      const remedy = `stop it first: kill ${owner.pid}`;
      throw new UserError(`stack ${stack}`, `its lock is ${describeOwner(owner)}, which is still running`, remedy);
    }
    await rm(file, { force: true });
    return owner;
  });
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

function refusal(stack: string, owner: LockOwner): UserError {
  const release = `./warren lock -s ${stack} --release`;
  const remedy =
    ownerState(owner) === "alive"
      ? `wait until it has ended, or end it (kill ${owner.pid}); a lock of a process that has ended is taken over`
      : `see whether it still runs there; if not: ${release}`;
  return new UserError(`stack ${stack}`, `is locked by ${describeOwner(owner)}`, remedy);
}

function selfAsOwner({ verb, endsWithProcess = false }: LockRequest): LockOwner {
  const ticks = startedTicks(process.pid);
  if (ticks === undefined) throw new UserError("stack lock", "/proc can't be read on this machine", "mount /proc");
  return {
    token: randomUUID(),
    user: userInfo().username,
    host: hostname(),
    pid: process.pid,
    startedTicks: ticks,
    bootId: bootId(),
    pidNamespace: pidNamespace(),
    verb,
    since: new Date().toISOString(),
    endsWithProcess,
  };
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
const pidNamespace = (): string => readlinkSync("/proc/self/ns/pid");

/** Others on this machine that check the same lock wait for some milliseconds. */
const alone = <T>(file: string, work: () => Promise<T>): Promise<T> =>
  withLock(`stack-${createHash("sha256").update(file).digest("hex").slice(0, 32)}`, `the lock ${file}`, work);

async function readOwner(file: string, stack: string, { damagedToo = false } = {}): Promise<LockOwner | undefined> {
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

/** @returns false where there is one already */
async function create(file: string, owner: LockOwner): Promise<boolean> {
  const temporary = temporaryName(file);
  try {
    const handle = await open(temporary, "wx", 0o644);
    try {
      await handle.writeFile(`${JSON.stringify(owner, undefined, 2)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(temporary, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
