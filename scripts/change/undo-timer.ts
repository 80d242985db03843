import { always, type Command, run, to } from "../../infra/commands/command.ts";

/**
 * A timer on the host that undoes what is about to be done there, whatever becomes of the one who does it. It needs nobody: neither this machine
 * nor a connection.
 *
 * @param name of the timer's unit; one of that name that is armed already is replaced
 * @param argv what it runs, as root
 */
export function armUndo(name: string, atMostSeconds: number, ...argv: readonly string[]): readonly Command[] {
  const arm = run(
    ...["systemd-run", "--quiet", `--unit=${name}`, `--on-active=${atMostSeconds}`],
    ...["--timer-property=AccuracySec=1s", ...argv],
  );
  return [disarmUndo(name), arm];
}

/** Stops the timer; a service of that name that has run is forgotten as well. Neither has to be there. */
export const disarmUndo = (name: string): Command =>
  always(
    to("/dev/null", run("systemctl", "stop", `${name}.timer`)),
    to("/dev/null", run("systemctl", "reset-failed", `${name}.service`)),
    run("true"),
  );

/** Says the moment, by the host's own clock; `toldAtMs` reads it. */
export const tellMoment: Command = run("date", "+%s%3N");

/** Milliseconds since 1970 that `tellMoment` has said in an action's output. */
export const toldAtMs = (output: string): number | undefined => {
  const found = /^\d{13}$/m.exec(output)?.[0];
  return found === undefined ? undefined : Number(found);
};
