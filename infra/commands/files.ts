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

/** The temporary name itself, beside the final one. */
export function temporary(path: string): string {
  return `${dirname(path)}/.${path.slice(path.lastIndexOf("/") + 1)}.warren`;
}

/**
 * Standard input whole under the final name, or nothing at all: written beside it, given owner and mode, validated,
 * renamed. Parent folders are made for root, readable by all.
 *
 * @param validate argv in which `{candidate}` stands for the file to judge
 * @param judge path of the judging program where it may not be there yet; the file is then taken as it is
 * @param before runs when all of it is there under its temporary name
 */
export function writeFile(place: FilePlace, validate?: readonly string[], judge?: string, before?: Command): Command {
  const temp = temporary(place.path);
  const fill = to(temp, run("cat"));
  return placed(place, temp, fill, { validate, judge, before });
}

/**
 * As `writeFile`, from a file that is already on the host: checked by its digest, decompressed where it ends in `.gz`. Where none is staged,
 * what is installed will do if it is right: another way to reach the host is no reason to bring the file again.
 */
export function installFile(
  place: FilePlace,
  staged: string,
  digests: { readonly sha256: string; readonly installedSha256: string },
): Command {
  const temp = temporary(place.path);
  const fill = staged.endsWith(".gz") ? run("gzip", "-dc", staged) : run("cat", staged);
  return or(
    and(
      run("test", "!", "-e", staged),
      checkSum(place.path, digests.installedSha256),
      run("chown", `${place.owner}:${place.group}`, place.path),
      run("chmod", place.mode, place.path),
    ),
    and(checkSum(staged, digests.sha256), placed(place, temp, to(temp, fill)), run("rm", "-f", staged)),
  );
}

interface Placing {
  readonly validate?: readonly string[] | undefined;
  readonly judge?: string | undefined;
  readonly before?: Command | undefined;
}

/** Succeeds where a file is the one of this digest. */
export function checkSum(file: string, sha256: string): Command {
  // Several are checked at the same time.
  const list = `/run/warren-${sha256.slice(0, 16)}.sum`;
  return and(
    to(list, run("printf", "%s  %s\n", sha256, file)),
    to("/dev/null", run("sha256sum", "--check", "--status", list)),
  );
}

function placed(place: FilePlace, temp: string, fill: Command, { validate, judge, before }: Placing = {}): Command {
  const judged = run(...(validate ?? []).map((word) => word.replaceAll(candidate, temp)));
  const steps = [
    run("mkdir", "-p", dirname(place.path)),
    run("rm", "-f", temp),
    run("umask", "077"),
    fill,
    run("chown", `${place.owner}:${place.group}`, temp),
    run("chmod", place.mode, temp),
    ...(validate ? [judge ? or(run("test", "!", "-x", judge), judged) : judged] : []),
    ...(before ? [before] : []),
    // A folder of that name is an error, not a place to put the file into.
    run("mv", "-fT", temp, place.path),
  ];
  return or(and(...steps), always(run("rm", "-f", temp), run("false")));
}

/** Where what a file was before its last renewal is kept. */
export const formerOf = (path: string): string => `${path}.former`;

/** Before a file is renewed: what it is now is kept beside it, unless it is the new one already, or not there. */
export function keepFormer(path: string, sha256: string): Command {
  return or(
    run("test", "!", "-e", path),
    checkSum(path, sha256),
    run("cp", "--force", "--preserve=mode,ownership", path, formerOf(path)),
  );
}

export function removeFile(path: string): Command {
  return run("rm", "-f", path, temporary(path));
}

/** A folder with owner and mode, its parents made where missing. */
export function makeDirectory(place: FilePlace): Command {
  return run("install", "-d", "-o", place.owner, "-g", place.group, "-m", place.mode, place.path);
}
