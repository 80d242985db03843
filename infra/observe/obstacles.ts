import { foldersAbove, keeperOf } from "../model/keeper.ts";
import { accountsName } from "../model/names.ts";
import type { HostModel } from "../model/types.ts";
import type { FileKind, Observation, ObservedFile } from "./observation.ts";

type Found = Observation["files"];

/**
 * Obstacles of steps, by step name: a thing of another kind than the model's, or a folder above it that others can change although it should belong
 * to root alone. No step touches an obstacle or what it points to, because only a person can tell a mistake from an attack.
 */
export function hostObstacles(host: HostModel, { files: found }: Observation): Map<string, string[]> {
  const obstacles = new Map<string, string[]>();
  const note = (step: string, obstacle: string | undefined) => {
    const before = obstacles.get(step) ?? [];
    if (obstacle !== undefined && !before.includes(obstacle)) obstacles.set(step, [...before, obstacle]);
  };
  for (const { path } of host.directories) note(accountsName, obstacleAt(host, found, path, "folder"));
  for (const { path } of [...host.files, ...host.artifacts]) note(path, obstacleAt(host, found, path, "file"));
  return obstacles;
}

/** @returns a description of the obstacle with its path; undefined if there is none */
export function obstacleAt(host: HostModel, found: Found, path: string, wanted: FileKind): string | undefined {
  for (const folder of foldersAbove(path)) {
    const seen = found.get(folder);
    if (!seen) continue;
    if (seen.kind !== "folder") return `${folder} is ${describe(seen)}, not a folder`;
    const isRoots = keeperOf(host, `${folder}/any`).account === "root";
    if (isRoots && isOpen(seen))
      return `${folder} can be changed by others than root: ${seen.owner}:${seen.group}, mode ${seen.mode}`;
  }
  const seen = found.get(path);
  if (!seen) return undefined;
  if (seen.kind !== wanted) return `${path} is ${describe(seen)}, not a ${wanted}`;
  const isShared = wanted === "file" && seen.links > 1 && keeperOf(host, path).account !== "root";
  return isShared ? `${path} has ${seen.links} hard links, not one` : undefined;
}

const [groupWrites, othersWrite] = [0o020, 0o002];
/** On hosts that were upgraded from older Debian releases, the group staff may write to /usr/local. Its members count as root. */
const rootsGroups = ["root", "staff"];

function isOpen({ owner, group, mode }: ObservedFile): boolean {
  const bits = Number.parseInt(mode, 8);
  return owner !== "root" || (bits & othersWrite) !== 0 || ((bits & groupWrites) !== 0 && !rootsGroups.includes(group));
}

const describe = ({ kind, target }: ObservedFile): string => {
  if (kind === "symbolic link" && target !== undefined) return `a symbolic link to ${target}`;
  return `a ${kind}`;
};
