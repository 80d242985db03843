import * as z from "zod";
import { healthSchema } from "../../../agents/lib/health.ts";
import { readSections } from "../../../infra/commands/sections.ts";
import { parseJson } from "../../lib/json.ts";
import { type Chain, chainHostOf, queueDirectoriesOf } from "./chain.ts";
import type {
  AgentEvidence,
  DiskEvidence,
  HostEvidence,
  HttpAnswer,
  LoginEvidence,
  ProductEvidence,
  TxqEvidence,
  UnitEvidence,
} from "./evidence.ts";
import { formerHealth } from "./former-health.ts";
import { productRootOf } from "./question.ts";
import { parseRestarts } from "./restarts.ts";

/** Path, inode, size, change, announcement: a line of the announcer's journal. */
const announcedLine = z.tuple([z.string(), z.string(), z.number(), z.number(), z.number()]);
/** A line of the puller's journal. */
const placingLine = z.tuple([z.literal("placing"), z.string(), z.number()], z.unknown());

type Lines = (name: string) => readonly string[] | undefined;

/** Parses the answer to `hostQuestion`. @returns undefined if it is incomplete */
export function parseHost(chain: Chain, name: string, answer: string): HostEvidence | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const lines: Lines = (section) => sections.get(section)?.filter((line) => line !== "");
  const nowMs = Number(lines("clock")?.[0] ?? Number.NaN) * 1000;
  if (!Number.isFinite(nowMs)) return undefined;
  const announcedAtMs = lastOf(lines("announced"), announcedLine, (line) => line[4]);
  const placedAtMs = lastOf(lines("placed"), placingLine, (line) => line[2]);
  const newest = lines("newest");
  const restarts = lines("restarts");
  const txqs = Object.keys(queueDirectoriesOf(chain, name)).flatMap((agent) => {
    const found = parseTxq(sections, agent);
    return found ? [[agent, found] as const] : [];
  });
  const fetchedAtMs = secondsToMs(lines("fetched")?.[0]);
  return {
    nowMs: Math.round(nowMs),
    units: parseUnits(sections.get("units") ?? []),
    addresses: (lines("addresses") ?? []).flatMap((line) => /\binet ([\d.]+)/.exec(line)?.[1] ?? []),
    agents: Object.fromEntries(
      chainHostOf(chain, name).agents.map((agent) => [agent.name, agentEvidence(agent.name, sections)]),
    ),
    ...(restarts ? { restarts: parseRestarts(restarts) } : {}),
    disks: parseDisks(lines("disks") ?? []),
    ...(sections.has("amqp") ? { amqp: parsePort(lines("amqp") ?? []) } : {}),
    ...(sections.has("mqtt") ? { mqtt: parsePort(lines("mqtt") ?? []) } : {}),
    ...(newest ? { newest: newest.flatMap((line) => parseProduct(line, productRootOf(chain, name))) } : {}),
    ...(announcedAtMs === undefined ? {} : { announcedAtMs }),
    ...(placedAtMs === undefined ? {} : { placedAtMs }),
    ...(txqs.length > 0 ? { txqs: Object.fromEntries(txqs) } : {}),
    ...(fetchedAtMs === undefined ? {} : { fetchedAtMs }),
  };
}

/** The answer is 1, or 0 if the broker closed the connection. */
function parsePort(lines: readonly string[]): NonNullable<HostEvidence["amqp"]> {
  if (lines.at(-1) === "1") return { ok: true };
  return { silent: lines.at(-1) === "0" ? "it closes the connection" : silenceOf(lines) };
}

/** The time of the oldest file and the number of files; then the number of files set aside. */
function parseTxq(sections: ReadonlyMap<string, string[]>, name: string): TxqEvidence | undefined {
  const waiting = sections.get(`txq ${name}`)?.filter((line) => line !== "");
  if (!waiting) return undefined;
  const oldestMs = secondsToMs(waiting[0]);
  const aside = Number(sections.get(`aside ${name}`)?.[0] ?? 0);
  return { files: Number(waiting[1] ?? 0), aside, ...(oldestMs === undefined ? {} : { oldestMs }) };
}

function secondsToMs(text: string | undefined): number | undefined {
  const seconds = Number(text ?? Number.NaN);
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
}

function parseUnits(lines: readonly string[]): Record<string, UnitEvidence> {
  const units = lines
    .join("\n")
    .split("\n\n")
    .map((block) => {
      const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(block)?.[1] ?? "";
      const unit: UnitEvidence = {
        active: value("ActiveState"),
        sub: value("SubState"),
        restarts: Number(value("NRestarts") || 0),
        status: value("StatusText"),
        result: value("Result"),
        exitStatus: Number(value("ExecMainStatus") || 0),
      };
      return [value("Id"), unit] as const;
    });
  return Object.fromEntries(units.filter(([id]) => id !== ""));
}

function agentEvidence(name: string, sections: ReadonlyMap<string, string[]>): AgentEvidence {
  const health = parseHttp(sections.get(`health ${name}`) ?? []);
  const metrics = sections.get(`metrics ${name}`);
  const counted = metrics ? { metrics: parseMetrics(metrics) } : {};
  if ("silent" in health) return { silent: health.silent, ...counted };
  const printed = parseJson(health.body);
  const read = healthSchema.loose().safeParse(printed);
  const known = read.success ? read.data : formerHealth(printed);
  return known ? { health: known, ...counted } : { silent: `answers ${health.status}`, ...counted };
}

/** Parses an HTTP answer from `getText`; without one, the reason is the last message of bash. */
export function parseHttp(lines: readonly string[]): HttpAnswer {
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(lines[0] ?? "")?.[1];
  if (status === undefined) return { silent: silenceOf(lines) };
  const end = lines.findIndex((line) => line.trim() === "");
  const body =
    end < 0
      ? ""
      : lines
          .slice(end + 1)
          .join("\n")
          .trim();
  return { status: Number(status), bytes: Buffer.byteLength(body), body };
}

/** The same for answers with a counted body, see `fetchQuestion`. */
export function parseFetches(answer: string): HttpAnswer[] | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const found: HttpAnswer[] = [];
  for (let index = 0; sections.has(`fetch ${index}`); index++) {
    const fetched = parseHttp(sections.get(`fetch ${index}`) ?? []);
    const bytes = "silent" in fetched ? Number.NaN : Number(fetched.body || Number.NaN);
    if ("silent" in fetched) found.push(fetched);
    else if (Number.isNaN(bytes)) found.push({ silent: "the answer is incomplete" });
    else found.push({ status: fetched.status, bytes, body: "" });
  }
  return found;
}

/** The results of the logins of `fetchQuestion`, by server. */
export function parseLogins(answer: string, servers: readonly string[]): Record<string, LoginEvidence> {
  const sections = readSections(answer);
  const results = servers.flatMap((server): [string, LoginEvidence][] => {
    const printed = sections?.get(`login ${server}`)?.filter((line) => line.trim() !== "");
    if (!printed) return [];
    const isIn = printed.at(-1) === "0";
    return [[server, isIn ? { ok: true } : { silent: printed.at(-2)?.trim() ?? "no answer in time" }]];
  });
  return Object.fromEntries(results);
}

function silenceOf(lines: readonly string[]): string {
  const printed = lines.findLast((line) => line.trim() !== "");
  return printed === undefined ? "no answer in time" : (printed.split(": ").at(-1) ?? printed);
}

/** Samples of OpenMetrics text without timestamps; histogram buckets are left out. */
function parseMetrics(lines: readonly string[]): Record<string, number> {
  const samples = lines.flatMap((line) => {
    const sample = /^([a-z_]+(?:\{.*\})?) (\S+)$/.exec(line.trim());
    return sample?.[1] && !sample[1].includes("_bucket{") ? [[sample[1], Number(sample[2])] as const] : [];
  });
  return Object.fromEntries(samples.filter(([, value]) => Number.isFinite(value)));
}

/** Lines of `df --output=pcent,avail,target`; each file system counts once, even if several paths are on it. */
function parseDisks(lines: readonly string[]): DiskEvidence[] {
  const disks = lines.flatMap((line) => {
    const found = /^\s*(\d+)%\s+(\d+)\s+(\S.*)$/.exec(line);
    return found?.[3] ? [{ mount: found[3], usedPercent: Number(found[1]), freeBytes: Number(found[2]) }] : [];
  });
  return [...new Map(disks.map((disk) => [disk.mount, disk])).values()];
}

function parseProduct(line: string, root: string): ProductEvidence[] {
  const found = /^(\d+(?:\.\d+)?) (\d+) (.+)$/.exec(line);
  if (!found?.[3]?.startsWith(`${root}/`)) return [];
  return [
    {
      path: found[3].slice(root.length + 1),
      bytes: Number(found[2]),
      modifiedMs: Math.round(Number(found[1]) * 1000),
    },
  ];
}

function lastOf<Line>(
  lines: readonly string[] | undefined,
  schema: z.ZodType<Line>,
  atMs: (line: Line) => number,
): number | undefined {
  const times = (lines ?? []).flatMap((line) => {
    const read = schema.safeParse(parseJson(line));
    return read.success ? [Math.round(atMs(read.data))] : [];
  });
  // Not `Math.max(...times)`: a host may answer with any number of lines.
  return times.length > 0 ? times.reduce((last, time) => Math.max(last, time)) : undefined;
}
