import { productName } from "../../../agents/lib/announcement.ts";
import { quote } from "../../../infra/commands/command.ts";
import { readSections, section } from "../../../infra/commands/sections.ts";
import { askJournal, readJournal } from "../../inspect/snapshot/agent-journal.ts";

/** What a radar server announced and what a puller's host placed, according to their own journals. Times are by each host's own clock. */
export interface HostAccount {
  readonly announced: readonly { readonly key: string; readonly name: string; readonly atMs: number }[];
  readonly placed: readonly { readonly key: string; readonly atMs: number }[];
}

/** The products announced during a drill. */
export interface DrillAccount {
  readonly announced: number;
  /** Names of products that no puller has placed. */
  readonly lost: readonly string[];
  /** Names of products that were placed more than once. */
  readonly repeated: readonly string[];
}

/** Far more than a drill produces: a hundred thousand lines of 400 bytes. */
const bounds = { seconds: 20, bytes: 40_000_000 };
/** How much earlier the pullers' journals are read: a twin that is announced late was placed when the first announcement came. */
const placedBeforeMs = 30 * 60_000;

/** A read-only script for a host; `parseAccount` reads its answer. */
export function accountQuestion(sinceMs: number): string {
  return [
    "export LC_ALL=C",
    `echo ${quote(section("kept"))}`,
    askJournal("announcer", { sinceMs, bounds }),
    askJournal("puller", { sinceMs: sinceMs - placedBeforeMs, bounds }),
    `echo ${quote(section("end"))}\n`,
  ].join("\n");
}

/** @returns undefined if the answer is incomplete */
export function parseAccount(answer: string): HostAccount | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const announced = [];
  const placed = [];
  for (const line of readJournal(sections.get("kept") ?? [])) {
    const { event, key = "" } = line;
    if (event === "placed") placed.push({ key, atMs: line.timeMs });
    if (event !== "announced") continue;
    announced.push({ key, name: productName(line.path.split("/").at(-1) ?? ""), atMs: line.timeMs });
  }
  return { announced, placed };
}

/** The account of products announced in an interval. Pure. */
export function accountOf(hosts: readonly HostAccount[], fromMs: number, untilMs: number): DrillAccount {
  const announced = new Map<string, string>();
  for (const { key, name, atMs } of hosts.flatMap((host) => host.announced)) {
    if (atMs >= fromMs && atMs < untilMs) announced.set(key, name);
  }
  const placed = Map.groupBy(
    hosts.flatMap((host) => host.placed),
    ({ key }) => key,
  );
  const names = (isSelected: (times: number) => boolean): string[] =>
    [...announced].flatMap(([key, name]) => (isSelected(placed.get(key)?.length ?? 0) ? [name] : []));
  return { announced: announced.size, lost: names((times) => times === 0), repeated: names((times) => times > 1) };
}
