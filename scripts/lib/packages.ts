import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";

const run = promisify(execFile);

/** A program, and the Debian package that installs it. */
export interface Requirement {
  readonly program: string;
  readonly package: string;
}

/** Announcers and watchers start it to detect files. */
export const inotifywait: Requirement = { program: "inotifywait", package: "inotify-tools" };

/** Folders of administrators' programs, which are not on every user's PATH. */
const usualFolders = ["/usr/sbin", "/sbin"];

export function missingPackages(requirements: readonly Requirement[], searchPath = process.env.PATH ?? ""): string[] {
  const folders = [...searchPath.split(path.delimiter).filter(Boolean), ...usualFolders];
  const missing = requirements.filter(
    ({ program }) => !folders.some((folder) => existsSync(path.join(folder, program))),
  );
  return [...new Set(missing.map((requirement) => requirement.package))];
}

/**
 * Installs the packages of missing programs, with a message: as root on Debian and Ubuntu.
 *
 * @throws UserError elsewhere, and where apt fails.
 */
export async function installMissing(requirements: readonly Requirement[], say: (text: string) => void): Promise<void> {
  const missing = missingPackages(requirements);
  if (missing.length === 0) return;
  const names = missing.join(" ");
  const byHand = `install ${names} (Debian, Ubuntu: apt-get install ${names})`;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new UserError(names, "not installed on this machine", byHand);
  }
  say(`installing ${names} on this machine, with apt-get`);
  const env = { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
  const options = { env, maxBuffer: 16 << 20 };
  try {
    await run("apt-get", ["-q", "update"], options);
    const install = ["-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "install", ...missing];
    await run("apt-get", install, options);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split("\n").at(-1);
    throw new UserError(names, `apt-get can't install it: ${said ?? String(error)}`, byHand, { cause: error });
  }
}
