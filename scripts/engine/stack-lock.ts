import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, open, rm } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { dirname } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import {
  bootId,
  describeOwner,
  type LockOwner,
  lockFileIn,
  lockRefusal,
  ownerState,
  pidNamespace,
  readOwner,
} from "../../infra/lock-owner.ts";
import { startedTicks } from "../../infra/process-stat.ts";
import { temporaryName } from "../lib/files.ts";
import { withLock } from "../lib/machine-lock.ts";
import { locksFolder } from "./stack.ts";

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

export const lockFile = (stack: string): string => lockFileIn(locksFolder(stack), stack);

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
      if (ownerState(before) !== "ended") throw lockRefusal(stack, before);
      if (!before.endsWithProcess) say(`took over the lock of ${describeOwner(before)}: that process has ended`);
      await rm(file, { force: true });
    }
    if (await create(file, owner)) return;
    // Another host took it between our check and the link.
    const now = await readOwner(file, stack);
    throw now
      ? lockRefusal(stack, now)
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

/** Others on this machine that check the same lock wait for some milliseconds. */
const alone = <T>(file: string, work: () => Promise<T>): Promise<T> =>
  withLock(`stack-${createHash("sha256").update(file).digest("hex").slice(0, 32)}`, `the lock ${file}`, work);

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
