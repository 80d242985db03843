import { basename, dirname } from "node:path/posix";
import { always, and, as, type Command, or, refuse, run, to } from "./command.ts";

/** A file's path, owner, group and mode. */
export interface FilePlace {
  readonly path: string;
  readonly owner: string;
  readonly group: string;
  /** Octal, four digits, e.g. `0644`. */
  readonly mode: string;
}

/**
 * The account that can replace what is at a path: the owner of the first folder above it that doesn't belong to root. Commands below that
 * folder run as this account. Only root can replace the folder itself.
 */
export interface Keeper {
  readonly account: string;
  readonly folder: string;
}

/** The keeper of a path below root's folders only. */
export const rootKeeper: Keeper = { account: "root", folder: "/" };

/** Placeholder for the temporary name in a command that validates a file before it gets its final name. */
export const candidate = "{candidate}";

/** The temporary name, in the same folder as the final one. */
export function temporary(path: string): string {
  return `${dirname(path)}/.${path.slice(path.lastIndexOf("/") + 1)}.warren`;
}

/**
 * Writes all of standard input under the final name, or nothing: to a temporary file beside it, which gets owner and mode, is validated and
 * renamed. Missing parent folders are created as the keeper, readable by all.
 */
export function writeFile(place: FilePlace, placing: Placing = {}): Command {
  const temp = stagedIn(place, placing.keeper ?? rootKeeper);
  return placed(place, temp, to(temp, run("cat")), placing);
}

/** A program for a host, and the file of the checkout that it comes from. */
export interface Program extends FilePlace {
  readonly name: string;
  /** Its name ends in `.zst` if it is decompressed on the host. */
  readonly source: string;
  /** Digest of the source file. */
  readonly sha256: string;
  /** Digest of the installed file. */
  readonly installedSha256: string;
}

/**
 * Where a copy waits on a host: a path relative to the login's home. In a folder that everybody can write to, a stranger could create a file or link of
 * this name first, and change the copy after its digest was compared.
 */
export const stagedAt = ({ name, sha256, source }: Pick<Program, "name" | "sha256" | "source">): string =>
  `.warren-${name}-${sha256.slice(0, 16)}${isCompressed(source) ? ".zst" : ""}`;

/**
 * An empty file beside a large program, made after the program's digest was compared. While the program's ctime, which nobody can set, isn't
 * newer than this file, the content is the same, and a preview need not read it. Reading a hundred megabytes on each host would take longer than
 * the rest of the preview.
 *
 * @returns undefined for a program that is read each time
 */
export const checkedMark = ({ path, source }: Pick<Program, "path" | "source">): string | undefined =>
  isCompressed(source) ? `${path}.checked` : undefined;

const isCompressed = (source: string): boolean => source.endsWith(".zst");

/** Of apt, which is on every host: unpacks by the name's ending. Debian installs no zstd by itself. */
const unpacker = ["/usr/lib/apt/apt-helper", "cat-file"];

/**
 * As `writeFile`, from the copy on the host, decompressed if its name ends in `.zst`. The digests of the copy and of the unpacked file are compared. If
 * there is no copy, an installed file with the right digest is enough: a changed connection to the host is no reason to copy the file again. Only for
 * root's folders.
 */
export function installFile(program: Program): Command {
  const { path, owner, group, mode, sha256, installedSha256 } = program;
  const staged = stagedAt(program);
  const temp = temporary(path);
  const unpack = isCompressed(program.source) ? run(...unpacker, staged) : run("cat", staged);
  const fill = and(to(temp, unpack), checkSum(temp, installedSha256));
  const mark = checkedMark(program);
  const install = or(
    and(
      run("test", "!", "-e", staged),
      checkSum(path, installedSha256),
      run("chown", `${owner}:${group}`, path),
      run("chmod", mode, path),
    ),
    and(checkSum(staged, sha256), placed(program, temp, fill), run("rm", "-f", staged)),
  );
  return mark === undefined ? install : and(install, run("touch", mark));
}

/** Removes a program and what belongs to it. */
export function removeProgram(program: Program): Command {
  const mark = checkedMark(program);
  return and(
    ...[program.path, previousOf(program.path), ...(mark ? [mark] : [])].map((path) =>
      removeFile({ ...program, path }),
    ),
  );
}

export interface Placing {
  /** argv of a validator, with `{candidate}` in place of the file. */
  readonly validate?: readonly string[] | undefined;
  /** Path of the validator if it may not be installed yet; the file is then accepted without validation. */
  readonly validator?: string | undefined;
  /** Runs as root when the file is complete under its temporary name. */
  readonly before?: Command | undefined;
  /** Default: root. Deeper levels of a keeper's folder belong to the keeper; files directly in it may be root's. */
  readonly keeper?: Keeper | undefined;
}

/** Succeeds if a file has this digest. */
function checkSum(file: string, sha256: string): Command {
  // Several files are checked concurrently.
  const list = `/run/warren-${sha256.slice(0, 16)}.sum`;
  return and(
    to(list, run("printf", "%s  %s\n", sha256, file)),
    to("/dev/null", run("sha256sum", "--check", "--status", list)),
  );
}

function placed(place: FilePlace, temp: string, fill: Command, placing: Placing = {}): Command {
  const { validate, validator, before, keeper = rootKeeper } = placing;
  const { account } = writerOf(place, keeper);
  const validated = run(...(validate ?? []).map((word) => word.replaceAll(candidate, temp)));
  const steps = [
    run("mkdir", "-p", dirname(temp)),
    run("rm", "-f", temp),
    run("umask", "077"),
    fill,
    // Files that an account creates already belong to it.
    ...(account === "root" ? [run("chown", `${place.owner}:${place.group}`, temp)] : []),
    run("chmod", place.mode, temp),
    ...(validate ? [validator ? or(run("test", "!", "-x", validator), validated) : validated] : []),
  ];
  const made = as(account, and(...steps));
  // With -T, a folder of that name is an error and a link is replaced, not followed.
  const moved = as(account, run("mv", "-fT", temp, place.path));
  const remove = as(account, run("rm", "-f", temp));
  return or(and(made, ...(before ? [before] : []), moved), always(remove, run("false")));
}

/** A file directly in the keeper's folder that belongs to another account is written by root above that folder, then renamed into it. */
const writerOf = ({ owner, path }: FilePlace, keeper: Keeper): Keeper =>
  owner !== keeper.account && dirname(path) === keeper.folder ? rootKeeper : keeper;

/** The temporary name of a file: beside the final one, but above the keeper's folder if the file doesn't belong to the keeper. */
function stagedIn(place: FilePlace, keeper: Keeper): string {
  const isAbove = keeper.account !== "root" && writerOf(place, keeper).account === "root";
  return temporary(isAbove ? `${dirname(keeper.folder)}/${basename(place.path)}` : place.path);
}

/** Where the previous version of a file is kept. */
export const previousOf = (path: string): string => `${path}.former`;

/** Before a file is replaced, keeps its version beside it, unless it is missing or already the new one. Only for root's folders. */
export function keepPrevious(path: string, sha256: string): Command {
  return or(
    run("test", "!", "-e", path),
    checkSum(path, sha256),
    run("cp", "--force", "--preserve=mode,ownership", path, previousOf(path)),
  );
}

/** Removes a link itself, not its target. */
export function removeFile(place: FilePlace, keeper: Keeper = rootKeeper): Command {
  const staged = stagedIn(place, keeper);
  const remove = (account: string, ...paths: string[]) => as(account, run("rm", "-f", ...paths));
  if (dirname(staged) === dirname(place.path)) return remove(keeper.account, place.path, staged);
  return and(remove(keeper.account, place.path), remove("root", staged));
}

/** A folder with owner and mode. Missing parents are created; below a keeper's folder they belong to the keeper. */
export function makeDirectory(place: FilePlace, keeper: Keeper = rootKeeper): Command {
  const { owner, group, mode, path } = place;
  if (keeper.account === "root") return run("install", "-d", "-o", owner, "-g", group, "-m", mode, path);
  return and(
    takeOver(place, keeper),
    as(keeper.account, run("install", "-d", "-m", mode, path)),
    // Somebody may have put a link there since the host was observed. It does no harm, but is not a folder.
    or(run("test", "!", "-L", path), refuse(`${path} is a symbolic link, not a folder`)),
  );
}

/**
 * Gives a folder of another owner to the keeper: earlier versions created root's folders there, which only root can give away. Root enters
 * the folder and changes the owner of its working directory, after `find` has met the same folder on a path from the keeper's on which it
 * follows no link. So it doesn't matter where the name leads before or afterwards.
 */
function takeOver({ owner, group, path }: FilePlace, { folder }: Keeper): Command {
  const depth = String(path.slice(folder.length).split("/").length - 1);
  const others = ["(", "-not", "-user", owner, "-o", "-not", "-group", group, ")"];
  return or(
    run("test", "!", "-e", path),
    run(
      ...["env", `--chdir=${path}`, "find", folder, "-mindepth", depth, "-maxdepth", depth, "-path", path],
      ...["-type", "d", ...others, "-samefile", ".", "-exec", "chown", `${owner}:${group}`, ".", ";"],
    ),
  );
}
