import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exportAnnounced } from "../announcer/product.ts";
import { Journal } from "../dispatcher/journal.ts";
import { exportSegments } from "../dispatcher/journal-export.ts";
import type { JournalLimits } from "../dispatcher/journal-options.ts";
import { productKey as numbered, RecordedReplay } from "../dispatcher/journal-testing.ts";
import { exportPlaced } from "../puller/open-placed.ts";
import type { Inquiry } from "../puller/peer-message.ts";
import { PlacedJournal } from "../puller/placed-journal.ts";
import { stateFile } from "../puller/state-file.ts";
import { productKey } from "./announcement.ts";
import type { ConfigIssue } from "./errors.ts";
import {
  type ExportEntry,
  type ExportLine,
  parseExportLine,
  readSelection,
  type Selection,
  writeExport,
} from "./journal-export.ts";
import { exportTreeJournal, TreeJournal } from "./tree-journal.ts";

// Real journals by the agents' own writers. Does not prove that a host's account may read its config.

/** Milliseconds. A busy machine takes seconds to start a program. */
const timeout = 60_000;
const startMs = Date.parse("2026-12-01T02:00:00Z");
const log = pino({ level: "silent" });
let folder: string;
let nowMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-export-"));
  nowMs = startMs;
});
afterEach(() => rmSync(folder, { recursive: true }));

const own: Readonly<Record<string, object>> = {
  announcer: { rootDirectory: "/db", baseUrl: "http://urp-1/" },
  dispatcher: {},
};

/** Command line of an agent that has its state in the test's folder. */
function program(agent: string, ...more: string[]): string[] {
  const file = join(folder, `${agent}.json`);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: as the units' configs have it
  const broker = { hosts: ["127.0.0.1:1"], user: "u", passwordFile: "${CREDENTIALS_DIRECTORY}/broker-password" };
  writeFileSync(file, JSON.stringify({ broker, metrics: { port: 0 }, ...own[agent] }));
  return [join(import.meta.dirname, `../${agent}/main.ts`), "--config", file, ...more];
}

const environment = () => ({ ...process.env, STATE_DIRECTORY: folder });

function run(agent: string, ...more: string[]) {
  return spawnSync(process.execPath, program(agent, ...more), { encoding: "utf8", env: environment() });
}

/** What an agent prints, each line by its schema. */
async function exported(agent: string, entries: AsyncIterable<ExportEntry>, selection = {}): Promise<ExportLine[]> {
  const to = new PassThrough();
  const printed = text(to);
  await writeExport(to, agent, entries, selection);
  to.end();
  return (await printed).split("\n").flatMap((line) => (line === "" ? [] : [readLine(line)]));
}

const ofDispatcher = (selection: Selection = {}) =>
  exported("dispatcher", exportSegments(join(folder, "journal"), selection), selection);

function readLine(printed: string): ExportLine {
  const line = parseExportLine(printed);
  if (!line) throw new Error(`no line of an export: ${printed}`);
  return line;
}

function openJournal(limits: Partial<JournalLimits> = {}): Promise<Journal> {
  const log = pino({ level: "silent" });
  const options = { directory: join(folder, "journal"), windowMs: 7_200_000, nowMs: () => nowMs, log, limits };
  return Journal.open({ ...options, replay: new RecordedReplay() });
}

test("a running dispatcher exports all kinds of its entries, and leaves out an end that is being written", {
  timeout,
}, async () => {
  const journal = await openJournal();
  journal.arrival(numbered(1), nowMs + 0.25, "radar1:8080", 1234, false);
  journal.certain(numbered(1));
  journal.arrival(numbered(2), nowMs + 5000, "radar2:8080", 99, true);
  journal.twin(numbered(1), "v00.urp.input.a", Buffer.from("md5 1234 http://urp-2/ db/é"));
  journal.served(numbered(1));
  await journal.synced();
  const [file = ""] = readdirSync(join(folder, "journal")).filter((name) => name.endsWith(".journal"));
  appendFileSync(join(folder, "journal", file), Buffer.from([0, 0, 0, 31, 1, 2, 3, 4, 1]));
  const line = { version: 1, agent: "dispatcher" };
  const first = { ...line, event: "sent", timeMs: nowMs + 0.25, key: numbered(1), source: "radar1:8080" };
  const all = [
    { ...first, sizeBytes: 1234, confirmed: false },
    { ...line, event: "confirmed", key: numbered(1) },
    {
      ...{ ...line, event: "sent", timeMs: nowMs + 5000, key: numbered(2), source: "radar2:8080" },
      ...{ sizeBytes: 99, confirmed: true },
    },
    {
      ...{ ...line, event: "twin", timeMs: nowMs, key: numbered(1), routingKey: "v00.urp.input.a" },
      body: "md5 1234 http://urp-2/ db/é",
    },
    { ...line, event: "pulled", key: numbered(1) },
  ];
  expect(await ofDispatcher()).toEqual(all);
  expect(await ofDispatcher({ key: numbered(1) })).toEqual(all.filter(({ key }) => key === numbered(1)));
  const { status, stdout } = run("dispatcher", "--export", "--since", "2026-12-01T03:00:01+01:00");
  expect({ status, lines: stdout.trimEnd().split("\n").map(readLine) }).toEqual({ status: 0, lines: [all[2]] });
  await journal.close();
});

test("a dispatcher whose clock was wrong exports the correct times, and one that never ran exports nothing", async () => {
  expect(await ofDispatcher()).toEqual([]);
  const journal = await openJournal();
  journal.arrival(numbered(1), nowMs, "radar1", 1, true);
  await journal.close(60_000);
  expect(await ofDispatcher()).toMatchObject([{ event: "sent", timeMs: nowMs + 60_000 }]);
});

test("an export beside a dispatcher that writes and removes old files has complete entries, in order", async () => {
  const journal = await openJournal({ segmentBytesMax: 20_000, commitIntervalMs: 0 });
  let written = 0;
  const write = async (count: number) => {
    for (const until = written + count; written < until; written++) {
      nowMs += 1000;
      journal.arrival(numbered(written), nowMs, "radar1", written, true);
    }
    await journal.synced();
  };
  await write(20_000);
  const sizes: number[] = [];
  for await (const entry of exportSegments(join(folder, "journal"), {})) {
    if (entry.event === "sent") sizes.push(entry.sizeBytes);
    if (written < 60_000 && sizes.length % 1000 === 0) await write(5000);
  }
  expect(sizes.length).toBeGreaterThan(1000);
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  expect(new Set(sizes).size).toBe(sizes.length);
  await journal.close();
});

test("a reader that has read enough ends an export without an error", { timeout }, async () => {
  const journal = await openJournal();
  for (let number = 0; number < 50_000; number++) journal.arrival(numbered(number), nowMs, "radar1", 1, true);
  await journal.close();
  const argv = program("dispatcher", "--export");
  const script = '{ "$@"; echo "ended with $?" >&2; } | head -n 1';
  const { stdout, stderr } = spawnSync("sh", ["-c", script, "sh", process.execPath, ...argv], {
    ...{ encoding: "utf8", env: environment() },
  });
  expect(stdout.split("\n").length).toBe(2);
  expect(stderr).toBe("ended with 0\n");
});

test.each(["announcer", "watcher"])("the %s exports what it has announced, also while it writes", async (agent) => {
  const file = join(folder, "announced.journal");
  const journal = new TreeJournal({ file, keepSeconds: Number.POSITIVE_INFINITY, now: () => nowMs, log });
  await journal.open();
  const identity = { inode: "7", size: 5, modifiedMs: nowMs - 1 };
  const paths = ["a/A:URP:IWA::20260101000000", "a/\u2028 line", "B"];
  for (const path of paths) {
    journal.add(path, identity);
    nowMs += 1000;
  }
  journal.write();
  appendFileSync(file, '["torn","7",5');
  const key = (path: string) => (agent === "announcer" ? { key: productKey(path.split("/").at(-1) ?? "") } : {});
  const all = paths.map((path, index) => ({
    ...{ version: 1, agent, event: "announced", timeMs: startMs + 1000 * index, ...key(path), path },
    ...{ sizeBytes: 5, modifiedMs: identity.modifiedMs },
  }));
  const told = (selection: Selection) =>
    exported(agent, (agent === "announcer" ? exportAnnounced : exportTreeJournal)(file), selection);
  expect(await told({})).toEqual(all);
  expect(await told({ sinceMs: startMs + 1000 })).toEqual(all.slice(1));
  if (agent === "announcer") expect(await told({ key: productKey("B") })).toEqual(all.slice(2));
  await journal.close();
});

test("a puller exports what it has placed, and not what still has its unfinished name", async () => {
  const rxq = join(folder, "rxq");
  mkdirSync(rxq);
  const place = { stateDirectory: folder, receiverQueueDirectory: rxq };
  const journal = new PlacedJournal({
    ...{ file: stateFile("placed", "jsonl", place), bootId: "b" },
    ...{ isUnfinished: async () => false, now: () => nowMs, linesMax: 3 },
    log,
  });
  await journal.open();
  const about = (name: string): Inquiry => ({
    ...{ key: productKey(name), url: `http://urp-1/${name}`, fileName: name, sizeBytes: 7, kind: "twin" },
    inDoubt: false,
  });
  for (const name of ["A", "B", "C", "D", "E"]) journal.placing(about(name), `.${name}`);
  journal.dropped(".B");
  writeFileSync(join(rxq, ".D"), "");
  const found = await exported("puller", exportPlaced(place));
  expect(found.map(({ key }) => key)).toEqual(["A", "C", "E"].map(productKey));
  expect(found[0]).toEqual({
    ...{ version: 1, agent: "puller", event: "placed", timeMs: nowMs, key: productKey("A"), url: "http://urp-1/A" },
    ...{ fileName: "A", sizeBytes: 7, kind: "twin" },
  });
  await journal.close();
});

test("wrong arguments are named, each with what is expected", () => {
  const issues: ConfigIssue[] = [];
  readSelection("yesterday", "a985", issues);
  expect(issues.map(({ path, message }) => `${path}: ${message}`)).toEqual([
    '--since: expected a time like 2026-12-01T02:30:00Z, got "yesterday"',
    '--key: expected 32 hexadecimal digits, got "a985"',
  ]);
  expect(readSelection(undefined, numbered(1).toUpperCase(), issues)).toEqual({ key: numbered(1) });
});

test("an agent exits with 2 if its arguments are wrong, and with 1 if its journal can't be read", {
  timeout,
}, () => {
  const wrong = run("dispatcher", "--key", numbered(1));
  expect(wrong.stderr).toContain("--since and --key need --export");
  expect(wrong.status).toBe(2);
  const none = run("bridge", "--export");
  expect(none.stderr).toContain("--export: the bridge has no journal of products");
  expect(none.status).toBe(2);
  symlinkSync("/dev/zero", join(folder, "announced.journal"));
  const link = run("announcer", "--export");
  expect(link.stderr).toContain("is not a regular file\n  remedy:");
  expect(link.status).toBe(1);
});
