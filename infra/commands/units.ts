import { always, and, type Command, or, run, to } from "./command.ts";
import { formerOf } from "./files.ts";

/** Seconds for a unit to be ready: an agent's way to a broker that is just taking over. */
const readyTimeoutSeconds = "60";
/** A broker recovers its queues first, and its own unit gives it ten minutes. */
const slowUnits: Readonly<Record<string, string>> = { "rabbitmq-server.service": "180" };

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
 * `renewUnit` for one that its package starts: on a host that takes a lost one's place it has read everything at that start, and isn't restarted for it.
 *
 * @param reads paths of what it reads
 */
export function renewPackagedUnit(unit: string, how: "restart" | "reload", reads: readonly string[], gate?: Command) {
  return or(
    and(run("test", "!", "-e", digestFile(unit)), startedAfter(unit, reads), bringUnit(unit, "start")),
    renewUnit(unit, how, gate),
  );
}

/** Whether a unit runs since a start that came after files were written; not where one of them is missing. */
function startedAfter(unit: string, files: readonly string[]): Command {
  // systemd makes this link at each start, before any of the unit's programs runs.
  const start = `/run/systemd/units/invocation:${unit}`;
  const found = `/run/warren-started-${unit}`;
  return and(
    run("systemctl", "--quiet", "is-active", unit),
    to(found, run("find", start, ...files.flatMap((file) => ["-newer", file]))),
    run("test", "-s", found),
  );
}

/**
 * The first time: whatever an earlier life of the host has left, the unit reads what is there now. `start` where what it reads was there
 * before its package started it.
 */
export function bringUnit(unit: string, how: "start" | "restart" | "reload"): Command {
  const verb = how === "reload" ? "reload-or-restart" : how;
  return and(enableUnit(unit), diagnosed(unit, systemctl(verb, unit)), keepDigest(unit));
}

/**
 * The same for one that may run since before what it reads was written: a run that was killed half way leaves a unit that its package has
 * started, and the next one may have other files for it.
 */
export const startFromScratch = (unit: string, reads: readonly string[]): Command =>
  or(and(startedAfter(unit, reads), bringUnit(unit, "start")), bringUnit(unit, "restart"));

/**
 * `renewUnit` for a unit that runs a program which warren has brought: where it doesn't come up with the new one, the former is put back (see
 * `keepFormer`), the unit runs with that, and the command fails all the same.
 */
export function renewProgramUnit(unit: string, programs: readonly string[]): Command {
  const said = "it did not come up with what is new, and runs with the former program again";
  return or(
    renewUnit(unit, "restart"),
    and(
      putFormerBack(unit, programs),
      diagnosed(unit, systemctl("restart", unit)),
      to("/dev/stderr", run("echo", said)),
      run("false"),
    ),
  );
}

/** Programs that were renewed after the unit came up for the last time are what they were before. Fails where there is none. */
export function putFormerBack(unit: string, programs: readonly string[]): Command {
  return anyOf(
    programs.map((path) =>
      and(run("test", formerOf(path), "-nt", digestFile(unit)), run("mv", "-fT", formerOf(path), path)),
    ),
  );
}

/** Each is tried; succeeds where one has succeeded. */
function anyOf(commands: readonly Command[]): Command {
  const [first, ...others] = commands;
  if (!first) return run("false");
  if (others.length === 0) return first;
  return or(and(first, or(anyOf(others), run("true"))), anyOf(others));
}

/** Notes what a unit that has just been started has read. */
function keepDigest(unit: string): Command {
  return and(run("mkdir", "-p", digestFolder), to(digestFile(unit), run("echo", digestWord)));
}

/**
 * The next renewal restarts the unit, whatever it has read. What stays is the time: by that a former program which was kept before is told from
 * one that was replaced since.
 */
export const forgetDigest = (unit: string): Command =>
  and(run("mkdir", "-p", digestFolder), to(digestFile(unit), run("true")));

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

const systemctl = (verb: string, unit: string): Command =>
  run("timeout", slowUnits[unit] ?? readyTimeoutSeconds, "systemctl", verb, unit);

/** Says the unit's last journal lines where it doesn't come up: nobody should have to log in to learn why. */
function diagnosed(unit: string, command: Command): Command {
  const journal = run("journalctl", "--unit", unit, "--lines", "8", "--no-pager", "--output", "cat");
  return or(command, always(to("/dev/stderr", journal), run("false")));
}
