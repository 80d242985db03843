import { dirname } from "node:path/posix";
import { always, and, type Command, or, run, to } from "./command.ts";

/** A file's place and who may do what with it. */
export interface FilePlace {
  readonly path: string;
  readonly owner: string;
  readonly group: string;
  /** Octal, four digits, e.g. `0644`. */
  readonly mode: string;
}

/** Stands for the temporary name in a command that validates a file before it gets its final name. */
export const candidate = "{candidate}";

function temporary(path: string): string {
  return `${dirname(path)}/.${path.slice(path.lastIndexOf("/") + 1)}.warren`;
}

/**
 * Standard input whole under the final name, or nothing at all: written beside it, given owner and mode, validated,
 * renamed. Parent folders are made for root, readable by all.
 *
 * @param validate argv in which `{candidate}` stands for the file to judge
 * @param judge path of the judging program where it may not be there yet; the file is then taken as it is
 */
export function writeFile(place: FilePlace, validate?: readonly string[], judge?: string): Command {
  const temp = temporary(place.path);
  return placed(place, temp, to(temp, run("cat")), validate, judge);
}

/** As `writeFile`, from a file that is already on the host: checked by its digest, decompressed where it ends in `.gz`. */
export function installFile(place: FilePlace, staged: string, sha256: string): Command {
  const temp = temporary(place.path);
  const check = and(
    to("/run/warren.sum", run("printf", "%s  %s\n", sha256, staged)),
    to("/dev/null", run("sha256sum", "-c", "/run/warren.sum")),
  );
  const fill = staged.endsWith(".gz") ? run("gzip", "-dc", staged) : run("cat", staged);
  return and(check, placed(place, temp, to(temp, fill)), run("rm", "-f", staged));
}

function placed(place: FilePlace, temp: string, fill: Command, validate?: readonly string[], judge?: string): Command {
  const judged = run(...(validate ?? []).map((word) => word.replaceAll(candidate, temp)));
  const steps = [
    run("mkdir", "-p", dirname(place.path)),
    run("rm", "-f", temp),
    run("umask", "077"),
    fill,
    run("chown", `${place.owner}:${place.group}`, temp),
    run("chmod", place.mode, temp),
    ...(validate ? [judge ? or(run("test", "!", "-x", judge), judged) : judged] : []),
    run("mv", "-f", temp, place.path),
  ];
  return or(and(...steps), always(run("rm", "-f", temp), run("false")));
}

export function removeFile(path: string): Command {
  return run("rm", "-f", path, temporary(path));
}

/** A folder with owner and mode, its parents made where missing. */
export function makeDirectory(place: FilePlace): Command {
  return run("install", "-d", "-o", place.owner, "-g", place.group, "-m", place.mode, place.path);
}
