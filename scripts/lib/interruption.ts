import { setTimeout as sleep } from "node:timers/promises";
import { UserError } from "../../agents/lib/errors.ts";

export const exitInterrupted = 130;

/** A person has ended it: exit code 130, and what is said of it. */
export class Interrupted extends UserError {
  override readonly name = "Interrupted";
}

/** What a second Ctrl-C waits for. */
const lastHealingMs = 10_000;
const signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export interface Interruption {
  /** The verb, for what is thrown. */
  readonly verb: string;
  /** Said at the first Ctrl-C, e.g. `healing, then counting; once more ends at once`; left out: that it ends, and what is then left as it is. */
  readonly first?: string;
  /** Said at the second: what is left as it is, and what mends it. */
  readonly second: () => string;
  /** What the second one still does, within ten seconds; undefined where nothing is open. */
  readonly heal?: () => (() => Promise<unknown>) | undefined;
}

/**
 * The first Ctrl-C aborts the signal: the work brings to an end what it has begun. The second ends all, when what heals has been done or ten seconds have
 * passed; a third one at once. Exit code 130.
 */
export async function interruptibleTwice(
  { verb, first = "ending; once more leaves everything as it is", second, heal }: Interruption,
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
  /** Said when the work has ended for a Ctrl-C; left out: nothing more is said. */
  readonly brokenOff?: string;
  /** After `was not done after N s`, and what a person can do then. */
  readonly late: { readonly more?: string; readonly remedy: string };
}

/** As `interruptibleTwice`, with a time that the work may take at most. @throws UserError where that is over */
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
