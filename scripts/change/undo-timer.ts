import { always, type Command, run, to } from "../../infra/commands/command.ts";

/**
 * Starts a timer on the host that undoes what is about to be done there. It works even if this machine or the connection fails.
 *
 * @param name of the timer's unit; a running timer of the same name is replaced
 * @param argv what it runs, as root
 */
export function armUndo(name: string, atMostSeconds: number, ...argv: readonly string[]): readonly Command[] {
  const arm = run(
    ...["systemd-run", "--quiet", `--unit=${name}`, `--on-active=${atMostSeconds}`],
    ...["--timer-property=AccuracySec=1s", ...argv],
  );
  return [disarmUndo(name), arm];
}

/** Stops the timer, and resets a failed service of the same name. Succeeds if neither exists. */
export const disarmUndo = (name: string): Command =>
  always(
    to("/dev/null", run("systemctl", "stop", `${name}.timer`)),
    to("/dev/null", run("systemctl", "reset-failed", `${name}.service`)),
    run("true"),
  );

/** Prints the time by the host's own clock; `printedAtMs` reads it. */
export const printTime: Command = run("date", "+%s%3N");

/** Milliseconds since 1970, as `printTime` printed them in an action's output. */
export const printedAtMs = (output: string): number | undefined => {
  const found = /^\d{13}$/m.exec(output)?.[0];
  return found === undefined ? undefined : Number(found);
};
