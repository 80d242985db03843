import { dirname } from "node:path/posix";
import { UserError } from "../../agents/lib/errors.ts";
import { type FilePlace, type Keeper, rootKeeper } from "../commands/files.ts";
import type { HostModel } from "./types.ts";

/** Folders that packages give to their accounts, also on hosts where the model names no folder. */
const packageFolders: Readonly<Record<string, string>> = {
  "/var/lib/rabbitmq": "rabbitmq",
  "/var/log/rabbitmq": "rabbitmq",
  "/var/lib/ldap": "openldap",
};

/** All folders above a path, the root folder first. */
export function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [...foldersAbove(above), above];
}

/** Whose folder a path lies in. */
export function keeperOf({ directories }: Pick<HostModel, "directories">, path: string): Keeper {
  const owners = new Map(directories.map((directory) => [directory.path, directory.owner]));
  for (const folder of foldersAbove(path)) {
    const account = owners.get(folder) ?? packageFolders[folder] ?? "root";
    if (account !== "root") return { account, folder };
  }
  return rootKeeper;
}

/** The folders of a host, and before each one those between it and the folder of its keeper: they are the keeper's, too. */
export function withFoldersBetween(directories: readonly FilePlace[]): FilePlace[] {
  const all = new Map<string, FilePlace>();
  const named = new Set(directories.map(({ path }) => path));
  for (const directory of directories) {
    const { account, folder } = keeperOf({ directories }, directory.path);
    const between = foldersAbove(directory.path).filter((path) => account !== "root" && path.startsWith(`${folder}/`));
    for (const path of between) {
      if (!named.has(path)) all.set(path, { path, owner: account, group: account, mode: "0755" });
    }
    all.set(directory.path, directory);
  }
  return [...all.values()];
}

/**
 * Things of one account in the folder of another one could be neither made nor kept as they should be: their names are the other one's.
 * @throws UserError with the first of them
 */
export function requireOwnFolders(host: Pick<HostModel, "name" | "directories" | "files" | "artifacts">): void {
  for (const { path, owner, group } of [...host.directories, ...host.files, ...host.artifacts]) {
    const { account, folder } = keeperOf(host, path);
    if (account === "root" || (owner === account && group === account)) continue;
    throw new UserError(
      `${host.name} ${path}`,
      `would belong to ${owner}:${group} in ${folder}, a folder of ${account}, who could swap it for anything`,
      "name a folder elsewhere in the stack file",
    );
  }
}
