import type { Command } from "commander";
import { exitFindings, type RunbookFlags, runbookOptions, stackOf, toJson } from "../lib/options.ts";
import { requireConfig } from "./stack.ts";
import {
  describeOwner,
  type LockOwner,
  type OwnerState,
  ownerState,
  releaseStackLock,
  stackLockOwner,
} from "./stack-lock.ts";

interface Flags extends RunbookFlags {
  readonly release?: true;
}

const states: Record<OwnerState, string> = {
  alive: "it is at work on this host",
  ended: "that process has ended; whoever changes the stack next takes the lock over",
  away: "this host can't see whether that process is at work",
};

/** `./warren lock -s STACK`: who changes a stack now; gives back by hand what somebody has left behind. */
export function define(command: Command): void {
  runbookOptions(command)
    .option("--release", "take the lock from whoever has it; not from a process at work on this host")
    .addHelpText(
      "after",
      `
Every verb that changes a stack takes its lock and gives it back. Of a process that was killed on this host the next one takes it over; of
one on another host nobody here can tell, and a person has to say.
Exit codes: 0 nobody has it, or it was released; 1 could not be done; 2 somebody has it.

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
