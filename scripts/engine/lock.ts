import type { Command } from "commander";
import { describeOwner, type LockOwner, type OwnerState, ownerState } from "../../infra/lock-owner.ts";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { requireConfig } from "./stack.ts";
import { releaseStackLock, stackLockOwner } from "./stack-lock.ts";

interface Flags extends RunbookFlags {
  readonly release?: true;
}

const states: Record<OwnerState, string> = {
  alive: "it is running on this host",
  ended: "that process has ended; the next change to the stack takes the lock over",
  away: "this host can't see whether that process is still running",
};

/** `./warren lock -s STACK`: shows who holds a stack's lock, and releases one that was left behind. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--release", "release the lock, whoever holds it; refused while its process runs on this host")
    .addHelpText(
      "after",
      `
Every verb that changes a stack takes its lock and releases it at the end. If that process was killed on this host, the next verb takes the lock
over. If it ran on another host, nobody here can know, and a person has to release it.
Exit codes: 0 not locked, or released; 1 failed; 2 locked.

  ./warren lock -s op
  ./warren lock -s op --release`,
    )
    .action(lock);
}

async function lock(flags: Flags): Promise<void> {
  const stack = stackOf(flags, "lock");
  requireConfig(stack);
  const owner = await (flags.release ? releaseStackLock(stack) : stackLockOwner(stack));
  if (owner && !flags.release) process.exitCode = exitFindings;
  const state = owner && ownerState(owner);
  if (flags.json)
    process.stdout.write(
      toJson({ stack, owner: owner ?? null, state: state ?? null, released: flags.release === true }),
    );
  else process.stdout.write(`${describe(stack, owner, flags.release)}\n`);
}

function describe(stack: string, owner: LockOwner | undefined, release: true | undefined): string {
  if (!owner) return `stack ${stack} is not locked`;
  if (release) return `released: ${describeOwner(owner)}`;
  return `stack ${stack} is locked by ${describeOwner(owner)}: ${states[ownerState(owner)]}`;
}
