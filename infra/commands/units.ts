import { always, and, type Command, or, run } from "./command.ts";

/** Enabled at boot and running now; a unit that somebody masked is unmasked. */
export function startUnit(unit: string): Command {
  return and(
    run("systemctl", "daemon-reload"),
    run("systemctl", "unmask", "--quiet", unit),
    run("systemctl", "enable", "--quiet", unit),
    diagnosed(unit, run("systemctl", "start", unit)),
  );
}

/** After a change of what the unit reads. `reload` for those that take it without a stop. */
export function renewUnit(unit: string, how: "restart" | "reload"): Command {
  return and(
    startUnit(unit),
    diagnosed(unit, run("systemctl", how === "reload" ? "reload-or-restart" : "restart", unit)),
  );
}

export function stopUnit(unit: string): Command {
  return or(run("systemctl", "disable", "--now", "--quiet", unit), run("true"));
}

/** Says the unit's last journal lines where it doesn't come up: nobody should have to log in to learn why. */
function diagnosed(unit: string, command: Command): Command {
  return or(
    command,
    always(run("journalctl", "--unit", unit, "--lines", "15", "--no-pager", "--output", "cat"), run("false")),
  );
}
