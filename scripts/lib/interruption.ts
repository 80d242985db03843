import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../agents/lib/errors.ts";

export const exitInterrupted = 130;

/** The user interrupted it: exit code 130, with a message. */
export class Interrupted extends UserError {
  override readonly name = "Interrupted";
}

/** Milliseconds that a second Ctrl-C waits for the repair. */
const lastHealingMs = 10_000;
const signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export interface Interruption {
  /** The verb, the subject of errors. */
  readonly verb: string;
  /** Printed at the first Ctrl-C, e.g. `repairing, then counting; Ctrl-C again stops at once`; has a default. */
  readonly first?: string;
  /** Printed at the second Ctrl-C: what is left behind, and what repairs it. */
  readonly second: () => string;
  /** The repair that the second Ctrl-C still runs, within ten seconds; undefined where none is needed. */
  readonly heal?: () => (() => Promise<unknown>) | undefined;
}

/**
 * The first Ctrl-C aborts the signal, and the work finishes what it has started. The second stops everything, after the repair or ten seconds. A
 * third one stops at once. Exit code 130.
 */
export async function interruptibleTwice(
  { verb, first = "stopping; Ctrl-C again stops at once and leaves everything as it is", second, heal }: Interruption,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  let times = 0;
  const onSignal = (): void => {
    times += 1;
    if (times === 1) {
      process.stderr.write(`\nwarren: ${first}\n`);
      controller.abort(new UserError(verb, "interrupted"));
      return;
    }
    if (times > 2) process.exit(exitInterrupted);
    process.stderr.write(`\nwarren: ${second()}\n`);
    const healing = Promise.resolve(heal?.()?.()).catch(() => {});
    void Promise.race([healing, sleep(lastHealingMs)]).then(() => process.exit(exitInterrupted));
  };
  for (const name of signals) process.on(name, onSignal);
  try {
    await work(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted || error !== controller.signal.reason) throw error;
  } finally {
    for (const name of signals) process.off(name, onSignal);
    if (controller.signal.aborted) process.exitCode = exitInterrupted;
  }
}

export interface TimedInterruption extends Interruption {
  readonly timeoutSeconds: number;
  /** Printed when the work has stopped after Ctrl-C; optional. */
  readonly brokenOff?: string;
  /** Added to `was not done after N s`, and what the user can do then. */
  readonly late: { readonly more?: string; readonly remedy: string };
}

/** As `interruptibleTwice`, with a time limit. @throws UserError after the time limit */
export function interruptibleWithin(
  { timeoutSeconds, brokenOff, late, ...texts }: TimedInterruption,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return interruptibleTwice(texts, async (interrupted) => {
    const timeout = AbortSignal.timeout(timeoutSeconds * 1000);
    try {
      await work(AbortSignal.any([interrupted, timeout]));
    } catch (error) {
      if (interrupted.aborted) {
        if (brokenOff !== undefined) process.stderr.write(`warren: ${brokenOff}\n`);
        throw interrupted.reason;
      }
      if (!timeout.aborted) throw error;
      throw new UserError(texts.verb, `was not done after ${timeoutSeconds} s${late.more ?? ""}`, late.remedy);
    }
  });
}
