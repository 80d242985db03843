import { readSections, readUnitStates, type UnitState } from "../commands/sections.ts";
import type { RefusedKey } from "./refused-key.ts";

export interface ObservedFile {
  /** Octal, four digits. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly bytes: number;
  readonly sha256?: string;
}

export interface ObservedPackage {
  readonly version: string;
  readonly installed: boolean;
  readonly held: boolean;
}

/** What a host says about itself now. */
export interface Observation {
  readonly files: ReadonlyMap<string, ObservedFile>;
  readonly accounts: ReadonlySet<string>;
  readonly packages: ReadonlyMap<string, ObservedPackage>;
  readonly units: ReadonlyMap<string, UnitState>;
  /** IPv4 addresses that it has on its network interfaces now, loopback left out. */
  readonly addresses: readonly string[];
  /** TCP ports that something on it listens to. */
  readonly listening: ReadonlySet<number>;
}

/** Why a host could not be observed. */
export interface Unreachable {
  readonly unreachable: string;
  /** It was refused for its host key. */
  readonly refused?: RefusedKey;
}

/**
 * Reads the answer to `observationScript`.
 * @returns undefined where the answer ends early: half an answer would look like drift
 */
export function parseObservation(answer: string): Observation | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const lines = (name: string) => (sections.get(name) ?? []).filter((line) => line !== "");
  return {
    files: parseFiles(lines("stat"), lines("sha256")),
    accounts: new Set(lines("accounts").map((line) => line.split(":")[0] ?? "")),
    packages: parsePackages(lines("packages")),
    units: readUnitStates(sections.get("units") ?? []),
    addresses: lines("addresses").flatMap((line) => /\binet ([\d.]+)/.exec(line)?.[1] ?? []),
    listening: new Set(
      lines("listening")
        .flatMap((line) => /:(\d+)\s/.exec(line)?.[1] ?? [])
        .map(Number),
    ),
  };
}

function parseFiles(stats: string[], digests: string[]): Map<string, ObservedFile> {
  const sha256 = new Map(digests.map((line) => [line.slice(66), line.slice(0, 64)]));
  const files = new Map<string, ObservedFile>();
  for (const line of stats) {
    const [mode = "", owner = "", group = "", bytes = "0", ...rest] = line.split(" ");
    const path = rest.join(" ");
    const digest = sha256.get(path);
    files.set(path, {
      mode: mode.padStart(4, "0"),
      owner,
      group,
      bytes: Number(bytes),
      ...(digest ? { sha256: digest } : {}),
    });
  }
  return files;
}

function parsePackages(lines: string[]): Map<string, ObservedPackage> {
  return new Map(
    lines.map((line) => {
      const [name = "", version = "", want, status] = line.split(" ");
      return [name, { version, installed: status === "installed", held: want === "hold" }];
    }),
  );
}
