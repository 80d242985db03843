import { z } from "zod";
import { productKey, productName } from "../../../agents/lib/announcement.ts";
import { quote } from "../../../infra/commands/command.ts";
import { askedAs } from "../../../infra/commands/question.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import { productAccount } from "../../../infra/model/agent-part.ts";
import { parseJson } from "../../lib/json.ts";

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

/** Far more than a drill sees: a hundred thousand lines of 200 bytes. */
const bounds = { seconds: 20, bytes: 20_000_000 };
/** Of a journal: a week of products has a tenth of that. What is longer, or no plain file, was put there by somebody. */
const journalBytesMost = 400_000_000;
/** A twin that is announced late was placed when the first one came: so far back the pullers' journals are read. */
const placedBeforeMs = 30 * 60_000;

const announcedJournal = "/var/lib/warren/announcer/announced.journal";
/** A line is of `agents/lib/tree-journal.ts`: path, inode, size, modification, announcement. */
const readAnnounced = [
  'const fs = require("fs"), since = Number(process.argv[2]), file = process.argv[1], about = fs.lstatSync(file);',
  `const text = about.isFile() && about.size <= ${journalBytesMost} ? fs.readFileSync(file, "utf8") : "";`,
  'for (const line of text.split("\\n")) { try { const [path,,,, atMs] = JSON.parse(line);',
  'if (atMs >= since) console.log(JSON.stringify([path.split("/").at(-1), atMs])); } catch {} }',
].join(" ");

/** Lines are of `agents/puller/placed-journal.ts`: `placing`, the unfinished file, time, what it is about; `dropped`: it was not placed. */
const readPlaced = [
  'const fs = require("fs"), path = require("path"), since = Number(process.argv[2]), dir = process.argv[1], found = [];',
  "for (const name of fs.readdirSync(dir)) if (/^placed-.*\\.jsonl(\\.1)?$/.test(name)) { const placed = new Map();",
  "const file = path.join(dir, name), about = fs.lstatSync(file);",
  `if (!about.isFile() || about.size > ${journalBytesMost}) continue;`,
  'for (const line of fs.readFileSync(file, "utf8").split("\\n")) { try { const [type, part, atMs, about] = JSON.parse(line);',
  'if (type === "dropped") placed.delete(part); if (type !== "placing") continue;',
  "if (placed.has(part)) found.push(placed.get(part)); placed.set(part, [about.key, atMs]); } catch {} }",
  "found.push(...placed.values()); }",
  "for (const one of found) if (one[1] >= since) console.log(JSON.stringify(one));",
].join(" ");

/** One read-only script for a host; `parseAccount` reads its answer. */
export function accountQuestion(sinceMs: number): string {
  const asked = (name: string, program: string, place: string, since: number) => {
    const node = ["/opt/warren/node/bin/node", "-e", program, place, String(since)].map(quote).join(" ");
    return `echo ${quote(section(name))}\n${askedAs(productAccount.name, node, bounds)}`;
  };
  return [
    "export LC_ALL=C",
    asked("announced", readAnnounced, announcedJournal, sinceMs),
    asked("placed", readPlaced, "/var/lib/warren/puller", sinceMs - placedBeforeMs),
    `echo ${quote(section("end"))}\n`,
  ].join("\n");
}

const pair = z.tuple([z.string(), z.number()]);

/** @returns undefined where the answer ends early */
export function parseAccount(answer: string): HostAccount | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const pairs = (name: string) =>
    (sections.get(name) ?? []).flatMap((line) => {
      const read = pair.safeParse(parseJson(line));
      return read.success ? [read.data] : [];
    });
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
