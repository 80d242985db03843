import { always, and, type Command, or, run, to } from "./command.ts";

/** Seconds for a unit to be ready: a broker's first start, an agent's way to a broker that is just taking over. */
const readyTimeoutSeconds = "60";

/** Enabled at boot and running now; a unit that somebody masked is unmasked. */
export function startUnit(unit: string): Command {
  return and(enableUnit(unit), diagnosed(unit, systemctl("start", unit)));
}

/** For a unit that runs and yet doesn't do its work. */
export function restartUnit(unit: string): Command {
  return diagnosed(unit, systemctl("restart", unit));
}

/** Stands for the digest of everything that a unit reads. */
export const digestWord = "{digest}";

/**
 * After a change of what the unit reads; starts it where it doesn't run. `reload` for those that take it without a stop.
 * The host keeps the digest that the unit last came up with: a unit that has read everything already is not disturbed, e.g. when only
 * the text of this command has changed.
 *
 * @param gate has to succeed before the unit is restarted or reloaded
 */
export function renewUnit(unit: string, how: "restart" | "reload", gate?: Command): Command {
  const verb = how === "reload" ? "reload-or-restart" : "restart";
  return and(
    enableUnit(unit),
    or(
      and(run("grep", "-qsx", digestWord, digestFile(unit)), diagnosed(unit, systemctl("start", unit))),
      and(...(gate ? [gate] : []), diagnosed(unit, systemctl(verb, unit)), keepDigest(unit)),
    ),
  );
}

/**
 * The first time: whatever an earlier life of the host has left, the unit reads what is there now. `start` where what it reads was there
 * before its package started it.
 */
export function bringUnit(unit: string, how: "start" | "reload"): Command {
  const verb = how === "reload" ? "reload-or-restart" : "start";
  return and(enableUnit(unit), diagnosed(unit, systemctl(verb, unit)), keepDigest(unit));
}

/** Notes what a unit that has just been started has read. */
function keepDigest(unit: string): Command {
  return and(run("mkdir", "-p", digestFolder), to(digestFile(unit), run("echo", digestWord)));
}

const digestFolder = "/var/lib/warren/units";
const digestFile = (unit: string): string => `${digestFolder}/${unit}`;

/** systemd reads its units once, at the end: each reload takes a tenth of a second. */
function enableUnit(unit: string): Command {
  return and(
    run("systemctl", "--no-reload", "--quiet", "unmask", unit),
    run("systemctl", "--no-reload", "--quiet", "enable", unit),
    run("systemctl", "daemon-reload"),
  );
}

export function stopUnit(unit: string): Command {
  return always(run("systemctl", "disable", "--now", "--quiet", unit), run("rm", "-f", digestFile(unit)));
}

const systemctl = (verb: string, unit: string): Command => run("timeout", readyTimeoutSeconds, "systemctl", verb, unit);

/** Says the unit's last journal lines where it doesn't come up: nobody should have to log in to learn why. */
function diagnosed(unit: string, command: Command): Command {
  const journal = run("journalctl", "--unit", unit, "--lines", "8", "--no-pager", "--output", "cat");
  return or(command, always(to("/dev/stderr", journal), run("false")));
}
