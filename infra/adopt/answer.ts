import * as z from "zod";
import { readSections, readUnitStates, type UnitState } from "../commands/sections.ts";
import type { Adoptable } from "../config/adopted.ts";
import { type Definitions, definitionsSchema } from "./objects.ts";

interface FoundFile {
  readonly content: string;
  readonly owner: string;
  readonly group: string;
  /** Octal, four digits. */
  readonly mode: string;
  /** Whether it is UTF-8 text without a null character, so that a stack file can contain it byte for byte. */
  readonly isText: boolean;
}

const clusterSchema = z.looseObject({
  cluster_name: z.string().default(""),
  disk_nodes: z.array(z.string()).default([]),
  ram_nodes: z.array(z.string()).default([]),
  running_nodes: z.array(z.string()).default([]),
  listeners: z
    .record(z.string(), z.array(z.looseObject({ interface: z.string(), port: z.number(), protocol: z.string() })))
    .default({}),
});
export type ClusterStatus = z.infer<typeof clusterSchema>;

/** The state of a host, as it reports it. */
export interface FoundHost {
  readonly name: string;
  /** Debian's code name, e.g. `bookworm`. */
  readonly release: string;
  readonly addresses: readonly { readonly interface: string; readonly address: string }[];
  /** Installed packages: name -> version. */
  readonly packages: ReadonlyMap<string, string>;
  readonly units: ReadonlyMap<string, UnitState>;
  readonly files: ReadonlyMap<string, FoundFile>;
  /** Names of additional files that the services read. */
  readonly names: readonly string[];
  /** Absent if the broker did not answer; `brokerError` has its message. */
  readonly definitions?: Definitions;
  readonly cluster?: ClusterStatus;
  readonly brokerError: string;
}

/** Parses the answer to `question`. @returns undefined if it is truncated */
export function readAnswer(answer: string): FoundHost | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const lines = (name: string) => (sections.get(name) ?? []).filter((line) => line !== "");
  const definitions = definitionsSchema.safeParse(jsonOf(lines("definitions")));
  const cluster = clusterSchema.safeParse(jsonOf(lines("cluster")));
  return {
    name: lines("host")[0] ?? "",
    release: /^VERSION_CODENAME=(\S+)/m.exec(lines("release").join("\n"))?.[1] ?? "",
    addresses: lines("addresses").flatMap((line) => {
      const [, name, address] = /^\d+:\s+(\S+)\s+inet\s+([\d.]+)/.exec(line) ?? [];
      return name && address ? [{ interface: name, address }] : [];
    }),
    packages: readPackages(lines("packages")),
    units: readUnitStates(sections.get("units") ?? []),
    files: readFiles(lines("stat"), lines),
    names: lines("names"),
    ...(definitions.success ? { definitions: definitions.data } : {}),
    ...(cluster.success ? { cluster: cluster.data } : {}),
    brokerError: definitions.success && cluster.success ? "" : errorIn(lines("definitions")),
  };
}

/** The line that is a JSON object. The CLI may print other lines before and after it. */
function jsonOf(lines: readonly string[]): unknown {
  for (const line of lines) {
    if (!line.startsWith("{")) continue;
    try {
      return JSON.parse(line);
    } catch {
      // Erlang's messages may begin with a brace as well.
    }
  }
  return undefined;
}

/** The first line that looks like an error message. */
const errorIn = (lines: readonly string[]): string =>
  lines.find((line) => /^(Error|runuser|sudo|env|.*unable)/i.test(line)) ?? lines[0] ?? "";

function readPackages(lines: readonly string[]): Map<string, string> {
  const installed = lines.map((line) => line.split(" ")).filter(([, , , status]) => status === "installed");
  return new Map(installed.map(([name = "", version = ""]) => [name, version]));
}

function readFiles(stats: readonly string[], lines: (name: string) => string[]): Map<string, FoundFile> {
  const files = new Map<string, FoundFile>();
  for (const line of stats) {
    const [mode = "", owner = "", group = "", , ...rest] = line.split(" ");
    const path = rest.join(" ");
    const bytes = Buffer.from(lines(`file ${path}`).join(""), "base64");
    const content = bytes.toString("utf8");
    const isText = Buffer.from(content, "utf8").equals(bytes) && !content.includes("\0");
    files.set(path, { content, owner, group, mode: mode.padStart(4, "0"), isText });
  }
  return files;
}

/** Whether a service runs and is enabled at boot. Only then can it be adopted. */
export function isServing(host: FoundHost, service: Adoptable): boolean {
  const unit = host.units.get(`${service}.service`);
  return host.packages.has(service) && unit?.active === "active" && unit.file === "enabled";
}
