import { productKey, productName } from "../../agents/lib/announcement.ts";
import { quote } from "../../infra/commands/command.ts";
import { readSections, section } from "../../infra/commands/sections.ts";

/** What a radar server announced, and what a puller's host placed, by the journals that they keep for themselves. Times are each host's own. */
export interface HostAccount {
  readonly announced: readonly { readonly key: string; readonly name: string; readonly atMs: number }[];
  readonly placed: readonly { readonly key: string; readonly atMs: number }[];
}

/** Of the products announced in the time of a drill. */
export interface DrillAccount {
  readonly announced: number;
  /** Names of those that no puller has placed. */
  readonly lost: readonly string[];
  /** Names of those that were placed more than once. */
  readonly repeated: readonly string[];
}

/** Far more than a drill sees; each is a line of 200 bytes at most. */
const linesMax = 100_000;
/** A twin that is announced late was placed when the first one came: so far back the pullers' journals are read. */
const placedBeforeMs = 30 * 60_000;

const announcedJournal = "/var/lib/warren/announcer/announced.journal";
/** A line is of `agents/lib/tree-journal.ts`: path, inode, size, modification, announcement. */
const readAnnounced = [
  'const since = Number(process.argv[2]), text = require("fs").readFileSync(process.argv[1], "utf8");',
  'for (const line of text.split("\\n")) { try { const [path,,,, atMs] = JSON.parse(line);',
  'if (atMs >= since) console.log(JSON.stringify([path.split("/").at(-1), atMs])); } catch {} }',
].join(" ");

/** Lines are of `agents/puller/placed-journal.ts`: `placing`, the unfinished file, time, what it is about; `dropped`: it was not placed. */
const readPlaced = [
  'const fs = require("fs"), path = require("path"), since = Number(process.argv[2]), dir = process.argv[1], found = [];',
  "for (const name of fs.readdirSync(dir)) if (/^placed-.*\\.jsonl(\\.1)?$/.test(name)) { const placed = new Map();",
  'for (const line of fs.readFileSync(path.join(dir, name), "utf8").split("\\n")) { try { const [type, part, atMs, about] = JSON.parse(line);',
  'if (type === "dropped") placed.delete(part); if (type !== "placing") continue;',
  "if (placed.has(part)) found.push(placed.get(part)); placed.set(part, [about.key, atMs]); } catch {} }",
  "found.push(...placed.values()); }",
  "for (const one of found) if (one[1] >= since) console.log(JSON.stringify(one));",
].join(" ");

/** One read-only script for a host; `parseAccount` reads its answer. */
export function accountQuestion(sinceMs: number): string {
  const asked = (name: string, program: string, place: string, since: number) => {
    const node = ["/opt/warren/node/bin/node", "-e", program, place, String(since)].map(quote).join(" ");
    return `echo ${quote(section(name))}\n${node} 2>/dev/null | tail -n ${linesMax}`;
  };
  return [
    "export LC_ALL=C",
    asked("announced", readAnnounced, announcedJournal, sinceMs),
    asked("placed", readPlaced, "/var/lib/warren/puller", sinceMs - placedBeforeMs),
    `echo ${quote(section("end"))}\n`,
  ].join("\n");
}

/** @returns undefined where the answer ends early */
export function parseAccount(answer: string): HostAccount | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const pairs = (name: string) =>
    (sections.get(name) ?? []).map((line) => JSON.parse(line) as readonly [text: string, atMs: number]);
  return {
    announced: pairs("announced").map(([file, atMs]) => ({ key: productKey(file), name: productName(file), atMs })),
    placed: pairs("placed").map(([key, atMs]) => ({ key, atMs })),
  };
}

/** Of what was announced from one moment to another. Pure. */
export function accountOf(hosts: readonly HostAccount[], fromMs: number, untilMs: number): DrillAccount {
  const announced = new Map<string, string>();
  for (const { key, name, atMs } of hosts.flatMap((host) => host.announced)) {
    if (atMs >= fromMs && atMs < untilMs) announced.set(key, name);
  }
  const placed = Map.groupBy(
    hosts.flatMap((host) => host.placed),
    ({ key }) => key,
  );
  const names = (isMeant: (times: number) => boolean): string[] =>
    [...announced].flatMap(([key, name]) => (isMeant(placed.get(key)?.length ?? 0) ? [name] : []));
  return { announced: announced.size, lost: names((times) => times === 0), repeated: names((times) => times > 1) };
}
