import { z } from "zod";
import { productKey, productName } from "../../../agents/lib/announcement.ts";
import { quote } from "../../../infra/commands/command.ts";
import { askedAs, type Bounds, scriptAskedAs } from "../../../infra/commands/question.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import { productAccount, serviceAccount } from "../../../infra/model/agent-part.ts";
import { parseJson } from "../../lib/json.ts";
import { parseEntry } from "../logs/journal.ts";
import { type Chain, chainHostOf } from "../look/chain.ts";

/** Who says something of a product in its journal; of those that a host has several of, what their names begin with. */
const speakers = ["announcer", "dispatcher", "puller", "delivery-", "dd-notify", "subscriber"] as const;

const isSpeaker = (who: string): boolean =>
  speakers.some((speaker) => (speaker.endsWith("-") ? who.startsWith(speaker) : who === speaker));

/** Where and when a product was seen, and by whom. */
export interface Sighting {
  readonly atMs: number;
  readonly host: string;
  /** `file`, or an agent. */
  readonly who: string;
  readonly what: string;
}

export interface Traced {
  /** The product's name without the reception stamp: what both radar servers agree on. */
  readonly name: string;
  /** Its md5, by which announcements and dispatchers know it. */
  readonly key: string;
}

/** @param product a file name, with or without its folders and its reception stamp */
export function traced(product: string): Traced {
  const fileName = product.split("/").at(-1) ?? product;
  return { name: productName(fileName), key: productKey(fileName) };
}

/** Lines of one file that are shown: a product has two, one that is announced again and again must not flood. */
const linesMax = 50;
/** A product is in journals of that time, else it is forgotten by the window of any stack. */
const journalSeconds = 7 * 86_400;

/** A file of the dispatcher's journal has a quarter of that; what is longer, or no plain file, was put there by somebody. */
export const segmentBytesMost = 64 * 1024 * 1024;
/** For what agents keep for themselves: hundreds of megabytes at most. */
const keptBounds: Bounds = { seconds: 10, bytes: 1024 * 1024 };

/** Lines with a text in plain files among what `find` is given, as the account whose files they are. */
const linesWith = (text: string, places: string): string =>
  scriptAskedAs(
    productAccount.name,
    `find ${places} -type f -exec grep -ahF -- ${quote(text)} '{}' + | tail -n ${linesMax}`,
    keptBounds,
  );

/**
 * Reads the dispatcher's journal on its host: binary records, of which those of the key are said as `TYPE TIME`. Types and places of the fields are those of
 * `agents/dispatcher/journal-record.ts`.
 */
export const readRecords = [
  'const fs = require("fs"), path = require("path"), key = Buffer.from(process.argv[2], "hex"), dir = process.argv[1];',
  "for (const name of fs.readdirSync(dir).sort()) { const file = path.join(dir, name), about = fs.lstatSync(file);",
  `if (!about.isFile() || about.size > ${segmentBytesMost}) continue; const data = fs.readFileSync(file);`,
  "for (let at = data.indexOf(key); at >= 9; at = data.indexOf(key, at + 16)) { const type = data[at - 1];",
  'if (type === 1 && at + 24 <= data.length) console.log("first", data.readDoubleBE(at + 16));',
  'else if (type === 4 && at + 24 <= data.length) console.log("twin", data.readDoubleBE(at + 16)); } }',
].join(" ");

/** One read-only script for the agents of a host; `parseTrace` reads its answer. */
export function traceQuestion(
  chain: Chain,
  host: string,
  { name, key }: Traced,
  sinceSeconds = journalSeconds,
): string {
  const lines = ["export LC_ALL=C"];
  // As the public knows it, by what px's sender makes of names.
  const delivered = name.split(":")[0] ?? name;
  for (const agent of chainHostOf(chain, host).agents) {
    lines.push(`echo ${quote(section(`lines ${agent.name}`))}`);
    if (agent.name === "announcer") {
      lines.push(linesWith(name, "/var/lib/warren/announcer/announced.journal -maxdepth 0"));
    }
    if (agent.name === "puller") {
      lines.push(linesWith(key, "/var/lib/warren/puller -maxdepth 1 -name 'placed-*.jsonl*'"));
    }
    if (agent.name === "dispatcher") {
      const program = ["/opt/warren/node/bin/node", "-e", readRecords, "/var/lib/warren/dispatcher/journal", key];
      lines.push(askedAs(serviceAccount.name, program.map(quote).join(" "), keptBounds));
    }
    lines.push(...saidQuestion(agent.name, agent.unit, agent.name === "dd-notify" ? delivered : name, sinceSeconds));
  }
  if (chain.publicRoad?.clients.includes(host)) {
    lines.push(...saidQuestion("subscriber", subscriberUnit, delivered, sinceSeconds));
  }
  lines.push(`echo ${quote(section("end"))}`);
  return `${lines.join("\n")}\n`;
}

const saidQuestion = (who: string, unit: string, name: string, sinceSeconds: number): string[] => [
  `echo ${quote(section(`journal ${who}`))}`,
  `journalctl --quiet --no-pager --output=json --unit=${quote(unit)} --since=-${sinceSeconds}s --lines=200000 | grep -F -- ${quote(name)} | tail -n ${linesMax}`,
];

const subscriberUnit = "warren-subscriber.service";

const announcedLine = z.tuple([z.string(), z.string(), z.number(), z.number(), z.number()]);
const placingLine = z.tuple([
  z.literal("placing"),
  z.string(),
  z.number(),
  z.looseObject({ key: z.string(), url: z.string(), kind: z.string() }),
]);

/** @returns undefined where the answer ends early */
export function parseTrace(host: string, { name, key }: Traced, answer: string): Sighting[] | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const lines = (title: string) => sections.get(title) ?? [];
  const announced = lines("lines announcer").flatMap((line): Sighting[] => {
    const read = announcedLine.safeParse(parseJson(line));
    if (!read.success || productName(read.data[0].split("/").at(-1) ?? "") !== name) return [];
    const [path, , bytes, modifiedMs, announcedAtMs] = read.data;
    return [
      { atMs: modifiedMs, host, who: "file", what: `written: ${path}, ${bytes} bytes` },
      { atMs: announcedAtMs, host, who: "announcer", what: "announced" },
    ];
  });
  const dispatched = lines("lines dispatcher").flatMap((line): Sighting[] => {
    const read = /^(first|twin) (\d+(?:\.\d+)?)$/.exec(line);
    if (!read) return [];
    const what = read[1] === "first" ? "known to be dispatched, first arrival" : "twin kept, for pullers that ask";
    return [{ atMs: Number(read[2]), host, who: "dispatcher", what }];
  });
  const placed = lines("lines puller").flatMap((line): Sighting[] => {
    const read = placingLine.safeParse(parseJson(line));
    if (!read.success || read.data[3].key !== key) return [];
    const [, , atMs, { url, kind }] = read.data;
    return [{ atMs, host, who: "puller", what: `placed${kind === "twin" ? ", as a twin" : ""}: ${url}` }];
  });
  const journals = [...sections.keys()].flatMap((title) => /^journal (.+)$/.exec(title)?.[1] ?? []);
  const said = journals.filter(isSpeaker).flatMap((who) =>
    lines(`journal ${who}`).flatMap((line): Sighting[] => {
      const entry = parseEntry(host, line);
      if (!entry || entry.level === "debug") return [];
      return [{ atMs: entry.atMs, host, who, what: entry.text }];
    }),
  );
  return [...announced, ...dispatched, ...placed, ...said];
}

/** By time, each with how long after the one before. Ends with a newline. */
export function formatTrace({ name, key }: Traced, sightings: readonly Sighting[]): string {
  const head = `${name}  ${key}`;
  if (sightings.length === 0) return `${head}\nseen nowhere\n`;
  const hostWidth = Math.max(...sightings.map(({ host }) => host.length));
  const rows = sightings.map(({ atMs, host, who, what }, index) => {
    const before = sightings[index - 1]?.atMs ?? atMs;
    const after = `+${Math.round(atMs - before)} ms`;
    return `  ${new Date(atMs).toISOString()}  ${after.padStart(9)}  ${host.padEnd(hostWidth)}  ${who.padEnd(12)}  ${what}`;
  });
  return `${[head, ...rows].join("\n")}\n`;
}
