import { UserError } from "../../agents/lib/errors.ts";

/**
 * Runs something that must be undone when it is broken off. The first Ctrl-C aborts the signal: the action stops and
 * undoes what it began (taking down goes on to its end). A second one ends the process where it stands; what was being made is on record, and `advice`
 * says what then takes it down.
 */
export async function interruptible<T>(advice: string, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      process.stderr.write(`\nwarren: left as it is; ${advice}\n`);
      process.exit(130);
    }
    process.stderr.write("\nwarren: ending; once more leaves everything as it is\n");
    controller.abort(new UserError("lab", "interrupted"));
  };
  const signals: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const name of signals) process.on(name, onSignal);
  try {
    return await action(controller.signal);
  } finally {
    for (const name of signals) process.off(name, onSignal);
    if (controller.signal.aborted) process.exitCode = 130;
  }
}
