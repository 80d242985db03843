import { dirname } from "node:path/posix";
import { UserError } from "../../agents/lib/errors.ts";
import { type FilePlace, type Keeper, rootKeeper } from "../commands/files.ts";
import type { HostModel } from "./types.ts";

/** Folders that packages assign to their accounts, even if the model has no folder of that host. */
const packageFolders: Readonly<Record<string, string>> = {
  "/etc/rabbitmq": "rabbitmq",
  "/var/lib/rabbitmq": "rabbitmq",
  "/var/log/rabbitmq": "rabbitmq",
  "/var/lib/ldap": "openldap",
};

/** All folders above a path, the root folder first. */
export function foldersAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [...foldersAbove(above), above];
}

/** The keeper of the folder in which a path is. */
export function keeperOf({ directories }: Pick<HostModel, "directories">, path: string): Keeper {
  const owners = new Map(directories.map((directory) => [directory.path, directory.owner]));
  for (const folder of foldersAbove(path)) {
    const account = owners.get(folder) ?? packageFolders[folder] ?? "root";
    if (account !== "root") return { account, folder };
  }
  return rootKeeper;
}

/**
 * The folders of a host, and the missing ones between them (or its files) and their keeper's folder, which belong to the keeper as well. Parents
 * precede their subfolders.
 */
export function withFoldersBetween(directories: readonly FilePlace[], files: readonly FilePlace[] = []): FilePlace[] {
  const all = new Map<string, FilePlace>();
  const named = new Set(directories.map(({ path }) => path));
  const addAbove = ({ path }: FilePlace) => {
    const { account, folder } = keeperOf({ directories }, path);
    const between = foldersAbove(path).filter((above) => account !== "root" && above.startsWith(`${folder}/`));
    for (const above of between) {
      if (!named.has(above)) all.set(above, { path: above, owner: account, group: account, mode: "0755" });
    }
  };
  for (const directory of directories) {
    addAbove(directory);
    all.set(directory.path, directory);
  }
  for (const file of files) addAbove(file);
  return [...all.values()];
}

/**
 * Rejects things of one account in the folder of another, who controls their names and could replace them. A file of root directly in such a folder
 * is allowed, because it can at least be written safely.
 * @throws UserError for the first of them
 */
export function requireOwnFolders(host: Pick<HostModel, "name" | "directories" | "files" | "artifacts">): void {
  const files = new Set<FilePlace>(host.files);
  for (const place of [...host.directories, ...host.files, ...host.artifacts]) {
    const { path, owner, group } = place;
    const { account, folder } = keeperOf(host, path);
    if (account === "root" || (owner === account && group === account)) continue;
    if (files.has(place) && owner === "root" && dirname(path) === folder) continue;
    throw new UserError(
      `${host.name} ${path}`,
      `would belong to ${owner}:${group} in ${folder}, a folder of ${account}, who could replace it with anything`,
      "name a folder elsewhere in the stack file",
    );
  }
}
