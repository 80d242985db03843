import { readSections, readUnitStates, type UnitState } from "../commands/sections.ts";

export type FileKind = (typeof kinds)[keyof typeof kinds];

/** By the first octal digits of `st_mode`. */
const kinds = {
  "01": "FIFO",
  "02": "device",
  "04": "folder",
  "06": "device",
  "10": "file",
  "12": "symbolic link",
  "14": "socket",
} as const;

/** What is at a path; for a link the link itself, not its target. */
export interface ObservedFile {
  readonly kind: FileKind;
  /** Target of a symbolic link, quoted if it has special characters. */
  readonly target?: string;
  /** Hard links. */
  readonly links: number;
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

/** The present state of a host, as it reports it. */
export interface Observation {
  readonly files: ReadonlyMap<string, ObservedFile>;
  readonly accounts: ReadonlySet<string>;
  readonly packages: ReadonlyMap<string, ObservedPackage>;
  readonly units: ReadonlyMap<string, UnitState>;
  /** IPv4 addresses of its network interfaces, without loopback. */
  readonly addresses: readonly string[];
  /** TCP ports on which a process listens. */
  readonly listening: ReadonlySet<number>;
}

/**
 * Parses the answer to `observationScript`.
 * @returns undefined if the answer is truncated: half an answer would look like drift
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
    const [numbers = "", quoted = ""] = line.split("\t");
    const [bits = "", owner = "", group = "", bytes = "0", links = "1", ...rest] = numbers.split(" ");
    const path = rest.join(" ");
    const digest = sha256.get(path);
    const mode = Number.parseInt(bits, 16).toString(8).padStart(6, "0");
    const target = targetOf(quoted, path);
    files.set(path, {
      kind: kinds[mode.slice(0, 2) as keyof typeof kinds] ?? "device",
      ...(target === undefined ? {} : { target }),
      links: Number(links),
      mode: mode.slice(2),
      owner,
      group,
      bytes: Number(bytes),
      ...(digest ? { sha256: digest } : {}),
    });
  }
  return files;
}

/** The target in `'PATH' -> 'TARGET'`, without quotes unless it needs them. */
function targetOf(quoted: string, path: string): string | undefined {
  const arrow = quoted.indexOf(" -> ", path.length);
  if (arrow < 0) return undefined;
  const target = quoted.slice(arrow + " -> ".length);
  return /^'([^']*)'$/.exec(target)?.[1] ?? target;
}

function parsePackages(lines: string[]): Map<string, ObservedPackage> {
  return new Map(
    lines.map((line) => {
      const [name = "", version = "", want, status] = line.split(" ");
      return [name, { version, installed: status === "installed", held: want === "hold" }];
    }),
  );
}
