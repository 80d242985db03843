import { always, and, type Command, not, or, run, to } from "./command.ts";
import { previousOf } from "./files.ts";

/** Seconds for a unit to become ready: an agent may have to wait for a broker that is taking over. */
const readyTimeoutSeconds = "60";
/** A broker recovers its queues first; its own unit allows ten minutes. */
const slowUnits: Readonly<Record<string, string>> = { "rabbitmq-server.service": "180" };

/** Enables a unit at boot and starts it. A masked unit is unmasked. */
export function startUnit(unit: string): Command {
  return and(enableUnit(unit), diagnosed(unit, systemctl("start", unit)));
}

/** For a unit that runs but doesn't do its work. */
export function restartUnit(unit: string): Command {
  return diagnosed(unit, systemctl("restart", unit));
}

/** Placeholder for the digest of everything that a unit reads. */
export const digestWord = "{digest}";

/**
 * Restarts a unit after a change of what it reads, or starts it if it is stopped; `reload` for units that can reread without a stop. The host
 * keeps the digest with which the unit last started: a unit that has read everything already is not disturbed, e.g. when only the text of this
 * command has changed.
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
 * `renewUnit` for a unit that its package starts. On a host that replaces a lost one, that start has read everything, and needs no restart.
 *
 * @param reads paths of what the unit reads
 */
export function renewPackagedUnit(unit: string, how: "restart" | "reload", reads: readonly string[], gate?: Command) {
  return or(
    and(run("test", "!", "-e", digestFile(unit)), startedAfter(unit, reads), bringUnit(unit, "start")),
    renewUnit(unit, how, gate),
  );
}

/** Whether a unit has been running since a start after files were written; false if one of them is missing. */
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
 * The first deployment of a unit: whatever the host had before, the unit reads its present files. `start` if they were in place before its
 * package started it.
 */
export function bringUnit(unit: string, how: "start" | "restart" | "reload"): Command {
  const verb = how === "reload" ? "reload-or-restart" : how;
  return and(enableUnit(unit), diagnosed(unit, systemctl(verb, unit)), keepDigest(unit));
}

/**
 * `bringUnit` for a unit that may have started before its files were written: a killed run leaves a unit that its package has started, and
 * the next run may write other files for it.
 */
export const startFromScratch = (unit: string, reads: readonly string[]): Command =>
  or(and(startedAfter(unit, reads), bringUnit(unit, "start")), bringUnit(unit, "restart"));

/**
 * `renewUnit` for a unit whose program warren installs: if the unit doesn't start with the new program, the previous one is restored (see
 * `keepPrevious`) and the unit runs with it, but the command still fails.
 */
export function renewProgramUnit(unit: string, programs: readonly string[]): Command {
  const message = "the unit did not start with the new program; the previous one is restored and running";
  return or(
    renewUnit(unit, "restart"),
    and(
      restorePrevious(unit, programs),
      diagnosed(unit, systemctl("restart", unit)),
      to("/dev/stderr", run("echo", message)),
      run("false"),
    ),
  );
}

/** Restores programs that were replaced after the unit's last successful start. Fails if there is none. */
function restorePrevious(unit: string, programs: readonly string[]): Command {
  return anyOf(
    programs.map((path) =>
      and(run("test", previousOf(path), "-nt", digestFile(unit)), run("mv", "-fT", previousOf(path), path)),
    ),
  );
}

/** Tries all; succeeds if at least one does. */
function anyOf(commands: readonly Command[]): Command {
  const [first, ...others] = commands;
  if (!first) return run("false");
  if (others.length === 0) return first;
  return or(and(first, or(anyOf(others), run("true"))), anyOf(others));
}

/** Records the digest of what a unit has read at its start. */
function keepDigest(unit: string): Command {
  return and(run("mkdir", "-p", digestFolder), to(digestFile(unit), run("echo", digestWord)));
}

/**
 * Makes the next renewal restart the unit, whatever it has read. The file's time stays: it tells a previous program that was kept before the
 * unit's last start from one that was replaced since.
 */
export const forgetDigest = (unit: string): Command =>
  and(run("mkdir", "-p", digestFolder), to(digestFile(unit), run("true")));

const digestFolder = "/var/lib/warren/units";
const digestFile = (unit: string): string => `${digestFolder}/${unit}`;

/** One daemon-reload at the end, because each takes a tenth of a second. */
function enableUnit(unit: string): Command {
  return and(
    run("systemctl", "--no-reload", "--quiet", "unmask", unit),
    run("systemctl", "--no-reload", "--quiet", "enable", unit),
    run("systemctl", "daemon-reload"),
  );
}

/** Stops a unit for good. systemd remembers a unit that did not stop cleanly as failed, also after its file is gone: it is made to forget it. */
export function stopUnit(unit: string): Command {
  return always(
    run("systemctl", "--no-reload", "disable", "--now", "--quiet", unit),
    or(not(run("systemctl", "--quiet", "is-failed", unit)), run("systemctl", "reset-failed", unit)),
    run("rm", "-f", digestFile(unit)),
  );
}

const systemctl = (verb: string, unit: string): Command =>
  run("timeout", slowUnits[unit] ?? readyTimeoutSeconds, "systemctl", verb, unit);

/** Prints the unit's last journal lines if it doesn't start, so that nobody has to log in to learn why. */
function diagnosed(unit: string, command: Command): Command {
  const journal = run("journalctl", "--unit", unit, "--lines", "8", "--no-pager", "--output", "cat");
  return or(command, always(to("/dev/stderr", journal), run("false")));
}
