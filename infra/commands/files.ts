import { basename, dirname } from "node:path/posix";
import { always, and, as, type Command, or, refuse, run, to } from "./command.ts";

/** A file's place and who may do what with it. */
export interface FilePlace {
  readonly path: string;
  readonly owner: string;
  readonly group: string;
  /** Octal, four digits, e.g. `0644`. */
  readonly mode: string;
}

/**
 * Who can swap what is at a path: the owner of the first folder above it that isn't root's. Commands below that folder run as this account.
 * Nobody but root can swap the folder itself.
 */
export interface Keeper {
  readonly account: string;
  readonly folder: string;
}

/** The keeper of a path with nothing but root's folders above it. */
export const rootKeeper: Keeper = { account: "root", folder: "/" };

/** Stands for the temporary name in a command that validates a file before it gets its final name. */
export const candidate = "{candidate}";

/** The temporary name itself, beside the final one. */
export function temporary(path: string): string {
  return `${dirname(path)}/.${path.slice(path.lastIndexOf("/") + 1)}.warren`;
}

/**
 * Standard input whole under the final name, or nothing at all: written beside it, given owner and mode, validated,
 * renamed. Parent folders are made for the keeper, readable by all.
 */
export function writeFile(place: FilePlace, placing: Placing = {}): Command {
  const temp = stagedIn(place, placing.keeper ?? rootKeeper);
  return placed(place, temp, to(temp, run("cat")), placing);
}

/**
 * As `writeFile`, from a file that is already on the host: checked by its digest, decompressed where it ends in `.gz`. Where none is staged,
 * what is installed will do if it is right: another way to reach the host is no reason to bring the file again. Only for root's folders.
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

export interface Placing {
  /** argv in which `{candidate}` stands for the file to judge. */
  readonly validate?: readonly string[] | undefined;
  /** Path of the judging program where it may not be there yet; the file is then taken as it is. */
  readonly judge?: string | undefined;
  /** Runs as root when all of it is there under its temporary name. */
  readonly before?: Command | undefined;
  /** Left out: root. What is deeper in the folder of another one belongs to that; what is right in it may be root's. */
  readonly keeper?: Keeper | undefined;
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

function placed(place: FilePlace, temp: string, fill: Command, placing: Placing = {}): Command {
  const { validate, judge, before, keeper = rootKeeper } = placing;
  const { account } = makerOf(place, keeper);
  const judged = run(...(validate ?? []).map((word) => word.replaceAll(candidate, temp)));
  const steps = [
    run("mkdir", "-p", dirname(temp)),
    run("rm", "-f", temp),
    run("umask", "077"),
    fill,
    // What an account makes is its own.
    ...(account === "root" ? [run("chown", `${place.owner}:${place.group}`, temp)] : []),
    run("chmod", place.mode, temp),
    ...(validate ? [judge ? or(run("test", "!", "-x", judge), judged) : judged] : []),
  ];
  const made = as(account, and(...steps));
  // A folder of that name is an error, not a place to put the file into. A link is replaced, not followed.
  const moved = as(account, run("mv", "-fT", temp, place.path));
  const remove = as(account, run("rm", "-f", temp));
  return or(and(made, ...(before ? [before] : []), moved), always(remove, run("false")));
}

/** A file of somebody else's right in the keeper's folder is made by root above that folder, and only its name comes from there, by a rename. */
const makerOf = ({ owner, path }: FilePlace, keeper: Keeper): Keeper =>
  owner !== keeper.account && dirname(path) === keeper.folder ? rootKeeper : keeper;

/** The temporary name of a file: beside the final one, but above the folder of a keeper that the file doesn't belong to. */
function stagedIn(place: FilePlace, keeper: Keeper): string {
  const isAbove = keeper.account !== "root" && makerOf(place, keeper).account === "root";
  return temporary(isAbove ? `${dirname(keeper.folder)}/${basename(place.path)}` : place.path);
}

/** Where what a file was before its last renewal is kept. */
export const formerOf = (path: string): string => `${path}.former`;

/** Before a file is renewed: what it is now is kept beside it, unless it is the new one already, or not there. Only for root's folders. */
export function keepFormer(path: string, sha256: string): Command {
  return or(
    run("test", "!", "-e", path),
    checkSum(path, sha256),
    run("cp", "--force", "--preserve=mode,ownership", path, formerOf(path)),
  );
}

/** A link goes, not what it points to. */
export function removeFile(place: FilePlace, keeper: Keeper = rootKeeper): Command {
  const staged = stagedIn(place, keeper);
  const remove = (account: string, ...paths: string[]) => as(account, run("rm", "-f", ...paths));
  if (dirname(staged) === dirname(place.path)) return remove(keeper.account, place.path, staged);
  return and(remove(keeper.account, place.path), remove("root", staged));
}

/** A folder with owner and mode. Its parents are made where missing, below a keeper's folder as the keeper's. */
export function makeDirectory(place: FilePlace, keeper: Keeper = rootKeeper): Command {
  const { owner, group, mode, path } = place;
  if (keeper.account === "root") return run("install", "-d", "-o", owner, "-g", group, "-m", mode, path);
  return and(
    takeOver(place, keeper),
    as(keeper.account, run("install", "-d", "-m", mode, path)),
    // What has come there since somebody looked: it does no harm, and isn't what is wanted.
    or(run("test", "!", "-L", path), refuse(`${path} is a symbolic link, not a folder`)),
  );
}

/**
 * A folder of somebody else's becomes the keeper's. Earlier versions made folders of root's there, and only root can give them away. Root goes into
 * the folder and gives away what it is in then, once `find` has met the same folder on its way down from the keeper's, on which it follows no
 * link. So it doesn't matter what the name leads to before or after that.
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
