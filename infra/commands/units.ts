import { always, and, type Command, or, run, to } from "./command.ts";

/** Seconds for a unit to be ready: a broker's first start, an agent's way to a broker that is just taking over. */
const readyTimeoutSeconds = "60";

/** Enabled at boot and running now; a unit that somebody masked is unmasked. */
export function startUnit(unit: string): Command {
  return and(
    run("systemctl", "daemon-reload"),
    run("systemctl", "unmask", "--quiet", unit),
    run("systemctl", "enable", "--quiet", unit),
    diagnosed(unit, systemctl("start", unit)),
  );
}

/** After a change of what the unit reads. `reload` for those that take it without a stop. */
export function renewUnit(unit: string, how: "restart" | "reload"): Command {
  return and(startUnit(unit), diagnosed(unit, systemctl(how === "reload" ? "reload-or-restart" : "restart", unit)));
}

export function stopUnit(unit: string): Command {
  return or(run("systemctl", "disable", "--now", "--quiet", unit), run("true"));
}

const systemctl = (verb: string, unit: string): Command => run("timeout", readyTimeoutSeconds, "systemctl", verb, unit);

/** Says the unit's last journal lines where it doesn't come up: nobody should have to log in to learn why. */
function diagnosed(unit: string, command: Command): Command {
  const journal = run("journalctl", "--unit", unit, "--lines", "8", "--no-pager", "--output", "cat");
  return or(command, always(to("/dev/stderr", journal), run("false")));
}
