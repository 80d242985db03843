import { productKey, productName } from "../../../agents/lib/announcement.ts";
import type { ExportLine } from "../../../agents/lib/journal-export.ts";
import { quote } from "../../../infra/commands/command.ts";
import type { Bounds } from "../../../infra/commands/question.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import { parseEntry } from "../logs/journal.ts";
import { askJournal, isJournaled, readJournal } from "../snapshot/agent-journal.ts";
import { type Chain, chainHostOf, isNotifier, roadAt } from "../snapshot/chain.ts";

/** Agents that log products; a name that ends in `-` is a prefix. */
const loggers = ["announcer", "dispatcher", "puller", "delivery-", "dd-notify", "notify-", "subscriber"] as const;

const isLogger = (who: string): boolean =>
  loggers.some((speaker) => (speaker.endsWith("-") ? who.startsWith(speaker) : who === speaker));

/** Where and when a product was seen, and by which agent. */
export interface Sighting {
  readonly atMs: number;
  readonly host: string;
  /** `file`, or an agent. */
  readonly who: string;
  /** The event in an agent's journal; undefined for a log line. */
  readonly event?: ExportLine["event"];
  readonly what: string;
}

export interface Traced {
  /** The product's name without the reception stamp, which is the same on both radar servers. */
  readonly name: string;
  /** The name's md5, which identifies the product in announcements and dispatchers. */
  readonly key: string;
}

/** @param product a file name, with or without its folders and its reception stamp */
export function traced(product: string): Traced {
  const fileName = product.split("/").at(-1) ?? product;
  return { name: productName(fileName), key: productKey(fileName) };
}

/** Lines shown of one file: a product usually has two, but one that is announced over and over must not flood the output. */
const linesMax = 50;
/** How far back logs are read: longer than the deduplication window of any stack. */
const journalSeconds = 7 * 86_400;

/** Bounds of one agent's journal entries for one product. */
const keptBounds: Bounds = { seconds: 10, bytes: 1024 * 1024 };

/** A read-only script for the agents of a host; `parseTrace` reads its answer. */
export function traceQuestion(
  chain: Chain,
  host: string,
  { name, key }: Traced,
  sinceSeconds = journalSeconds,
): string {
  const lines = ["export LC_ALL=C"];
  // The public name, as px's sender shortens it.
  const delivered = name.split(":")[0] ?? name;
  for (const agent of chainHostOf(chain, host).agents) {
    lines.push(`echo ${quote(section(`lines ${agent.name}`))}`);
    if (isJournaled(agent.name)) lines.push(askJournal(agent.name, { key, linesMax, bounds: keptBounds }));
    lines.push(...logQuestion(agent.name, agent.unit, isNotifier(agent.name) ? delivered : name, sinceSeconds));
  }
  if (roadAt(chain, host)?.clients.includes(host)) {
    lines.push(...logQuestion("subscriber", subscriberUnit, delivered, sinceSeconds));
  }
  lines.push(`echo ${quote(section("end"))}`);
  return `${lines.join("\n")}\n`;
}

const logQuestion = (who: string, unit: string, name: string, sinceSeconds: number): string[] => [
  `echo ${quote(section(`journal ${who}`))}`,
  `journalctl --quiet --no-pager --output=json --unit=${quote(unit)} --since=-${sinceSeconds}s --lines=200000 | grep -F -- ${quote(name)} | tail -n ${linesMax}`,
];

const subscriberUnit = "warren-subscriber.service";

/** @returns undefined if the answer is incomplete */
export function parseTrace(host: string, { key }: Traced, answer: string): Sighting[] | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const lines = (title: string) => sections.get(title) ?? [];
  const kept = [...sections].flatMap(([title, its]) =>
    readJournal(its).filter((line) => title === `lines ${line.agent}` && line.key === key),
  );
  const seen = kept.flatMap((line) => sightingsOf(host, line));
  const journals = [...sections.keys()].flatMap((title) => /^journal (.+)$/.exec(title)?.[1] ?? []);
  const logged = journals.filter(isLogger).flatMap((who) =>
    lines(`journal ${who}`).flatMap((line): Sighting[] => {
      const entry = parseEntry(host, line);
      if (!entry || entry.level === "debug") return [];
      return [{ atMs: entry.atMs, host, who, what: entry.text }];
    }),
  );
  return [...seen, ...logged];
}

function sightingsOf(host: string, line: ExportLine): Sighting[] {
  const { agent: who, event } = line;
  const seen = (atMs: number, what: string): Sighting => ({ atMs, host, who, event, what });
  switch (line.event) {
    case "announced":
      return [
        { atMs: line.modifiedMs, host, who: "file", what: `written: ${line.path}, ${line.sizeBytes} bytes` },
        seen(line.timeMs, "announced"),
      ];
    case "sent":
      return [seen(line.timeMs, "recorded as dispatched")];
    case "twin":
      return [seen(line.timeMs, "twin stored, for pullers that ask for it")];
    case "placed":
      return [seen(line.timeMs, `placed${line.kind === "twin" ? ", as a twin" : ""}: ${line.url}`)];
    case "confirmed":
    case "pulled":
      // These have no time.
      return [];
  }
}

/** Sightings by time, each with the time since the one before. Ends with a newline. */
export function formatTrace({ name, key }: Traced, sightings: readonly Sighting[]): string {
  const head = `${name}  ${key}`;
  if (sightings.length === 0) return `${head}\nnot seen on any host\n`;
  const hostWidth = Math.max(...sightings.map(({ host }) => host.length));
  const rows = sightings.map(({ atMs, host, who, what }, index) => {
    const before = sightings[index - 1]?.atMs ?? atMs;
    const after = `+${Math.round(atMs - before)} ms`;
    return `  ${new Date(atMs).toISOString()}  ${after.padStart(9)}  ${host.padEnd(hostWidth)}  ${who.padEnd(12)}  ${what}`;
  });
  return `${[head, ...rows].join("\n")}\n`;
}
