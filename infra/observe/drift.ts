import { createHash } from "node:crypto";
import type { FilePlace } from "../commands/files.ts";
import { accountsName, packagesName } from "../model/names.ts";
import type { FileModel, HostModel, PackageModel, UnitModel } from "../model/types.ts";
import type { FileKind, Observation, ObservedFile } from "./observation.ts";
import { obstacleAt } from "./obstacles.ts";

/**
 * How a host differs from its model, by step name: a path, a unit, `packages`, `accounts and folders`. Steps without a difference are absent.
 * Texts are for people and never contain secrets.
 */
export function hostDrift(host: HostModel, observed: Observation): Map<string, string[]> {
  const drift = new Map<string, string[]>();
  const note = (name: string, differences: readonly string[]) => {
    if (differences.length > 0) drift.set(name, [...(drift.get(name) ?? []), ...differences]);
  };
  for (const account of host.accounts) {
    if (!observed.accounts.has(account.name)) note(accountsName, [`account ${account.name} is gone`]);
  }
  /** For a thing of the wrong kind, owner, mode and content are not compared. */
  const isObstructed = (step: string, path: string, wanted: FileKind): boolean => {
    const obstacle = obstacleAt(host, observed.files, path, wanted);
    if (obstacle !== undefined && !drift.get(step)?.includes(obstacle)) note(step, [obstacle]);
    return obstacle !== undefined;
  };
  for (const directory of host.directories) {
    if (isObstructed(accountsName, directory.path, "folder")) continue;
    const differences = placeDifferences(directory, observed.files.get(directory.path));
    note(
      accountsName,
      differences.map((difference) => `${directory.path}: ${difference}`),
    );
  }
  for (const file of host.files) {
    if (isObstructed(file.path, file.path, "file")) continue;
    const found = observed.files.get(file.path);
    const differences = placeDifferences(file, found);
    if (found && hasOtherContent(file, found)) {
      differences.unshift(file.secret ? "content differs (a secret, not shown)" : "content differs");
    }
    note(file.path, differences);
  }
  for (const artifact of host.artifacts) {
    if (isObstructed(artifact.path, artifact.path, "file")) continue;
    const found = observed.files.get(artifact.path);
    const differences = placeDifferences(artifact, found);
    if (found && found.bytes !== artifact.bytes) {
      differences.unshift(`${found.bytes} bytes instead of ${artifact.bytes}`);
    } else if (found?.sha256 && found.sha256 !== artifact.installedSha256) {
      differences.unshift(`${digest(found.sha256)} instead of ${digest(artifact.installedSha256)}`);
    }
    note(artifact.path, differences);
  }
  for (const one of host.packages) note(packagesName, packageDifferences(one, observed));
  for (const unit of host.units) note(unit.name, unitDifferences(unit, observed));
  return drift;
}

/** A SHA-256 in hex, for people: its first 12 characters. */
export const digest = (sha256: string): string => `sha256 ${sha256.slice(0, 12)}…`;

/** Whether a file's content is not the wanted one. @param found the file that is there */
export const hasOtherContent = ({ content }: FileModel, found: ObservedFile): boolean =>
  found.sha256 !== createHash("sha256").update(content).digest("hex");

function placeDifferences(place: FilePlace, found: ObservedFile | undefined): string[] {
  if (!found) return ["is missing"];
  const differences: string[] = [];
  if (found.mode !== place.mode) differences.push(`mode ${found.mode} instead of ${place.mode}`);
  if (found.owner !== place.owner || found.group !== place.group) {
    differences.push(`owner ${found.owner}:${found.group} instead of ${place.owner}:${place.group}`);
  }
  return differences;
}

/** Whether a version is in a series such as `3.10.*`; as in apt's pins, only a trailing star is a wildcard. */
export function inSeries(version: string, series: string): boolean {
  return series.endsWith("*") ? version.startsWith(series.slice(0, -1)) : version === series;
}

function packageDifferences(wanted: PackageModel, observed: Observation): string[] {
  const found = observed.packages.get(wanted.name);
  if (!found?.installed) return [`${wanted.name} is not installed`];
  if (wanted.series === undefined) return [];
  const differences: string[] = [];
  if (!inSeries(found.version, wanted.series)) {
    differences.push(`${wanted.name} ${found.version} instead of ${wanted.series}`);
  }
  if (!found.held) differences.push(`${wanted.name} is not held`);
  return differences;
}

function unitDifferences(unit: UnitModel, observed: Observation): string[] {
  const found = observed.units.get(unit.name);
  const differences: string[] = [];
  const active = found?.active || "inactive";
  // A unit that waits for the broker works as intended; systemd reports it as activating until it is connected.
  if (!["active", "activating", "reloading"].includes(active)) differences.push(`is ${active} instead of active`);
  const file = found?.file || "absent";
  if (file !== "enabled") differences.push(`is ${file} instead of enabled`);
  return differences;
}
