import { foldersAbove, keeperOf } from "../model/keeper.ts";
import { accountsName } from "../model/names.ts";
import type { HostModel } from "../model/types.ts";
import type { FileKind, Observation, ObservedFile } from "./observation.ts";

type Found = Observation["files"];

/**
 * What is in the way of steps, by their names: a thing of another kind than the model's, or a folder above it that others than root can change,
 * where nobody else should. No step touches it or what it points to. It may be somebody's mistake or an attack, which a person has to decide.
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

/** @returns what is in the way, with its path; undefined where nothing is */
export function obstacleAt(host: HostModel, found: Found, path: string, wanted: FileKind): string | undefined {
  for (const folder of foldersAbove(path)) {
    const seen = found.get(folder);
    if (!seen) continue;
    if (seen.kind !== "folder") return `${folder} is ${describe(seen)}, not a folder`;
    const isRoots = keeperOf(host, `${folder}/any`).account === "root";
    if (isRoots && isOpen(seen)) return `${folder} is not root's alone: ${seen.owner}:${seen.group}, mode ${seen.mode}`;
  }
  const seen = found.get(path);
  if (!seen) return undefined;
  if (seen.kind !== wanted) return `${path} is ${describe(seen)}, not a ${wanted}`;
  const isShared = wanted === "file" && seen.links > 1 && keeperOf(host, path).account !== "root";
  return isShared ? `${path} has ${seen.links} hard links, not one` : undefined;
}

const [groupWrites, othersWrite] = [0o020, 0o002];
/** Debian's staff may write to /usr/local on hosts that were upgraded from older releases: its members are like root. */
const rootsGroups = ["root", "staff"];

function isOpen({ owner, group, mode }: ObservedFile): boolean {
  const bits = Number.parseInt(mode, 8);
  return owner !== "root" || (bits & othersWrite) !== 0 || ((bits & groupWrites) !== 0 && !rootsGroups.includes(group));
}

const describe = ({ kind, target }: ObservedFile): string => {
  if (kind === "symbolic link" && target !== undefined) return `a symbolic link to ${target}`;
  return `a ${kind}`;
};
