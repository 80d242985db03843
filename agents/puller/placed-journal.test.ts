import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Inquiry } from "./peer-message.ts";
import { PlacedJournal, type PlacedJournalOptions } from "./placed-journal.ts";

// Does not prove what is on disk after a power loss: the boot id covers that.

let folder: string;
let nowMs: number;
let unfinished: Set<string>;
let failures: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-placed-"));
  nowMs = 1_000_000;
  unfinished = new Set();
  failures = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const about = (name: string): Inquiry => ({
  ...{ key: `key of ${name}`, url: `http://urp-1/db/${name}`, fileName: name, sizeBytes: 7, kind: "first" },
  ...{ inDoubt: false, firstArrivalSeconds: 1_421_777_342 },
});

/** Another process; the previous one may have exited at any moment. */
async function begin(more: Partial<PlacedJournalOptions> = {}) {
  const journal = new PlacedJournal({
    ...{ file: join(folder, "placed.jsonl"), bootId: "b1", now: () => nowMs },
    isUnfinished: async (part) => unfinished.has(part),
    log: pino({ level: "warn" }, { write: (line) => void failures.push(line) }),
    ...more,
  });
  const before = await journal.open();
  return { journal, names: before.map(({ about }) => about.fileName), before };
}

test("what was placed is known to the next process, and to the one after it, with its age", async () => {
  const first = await begin();
  first.journal.placing(about("p"), "part-1");
  nowMs += 5000;
  first.journal.placing(about("q"), "part-2");
  await begin();
  const { before } = await begin();
  expect(before).toEqual([
    { about: about("p"), ageMs: 5000 },
    { about: about("q"), ageMs: 0 },
  ]);
});

test("what was not renamed was not placed: its unfinished file is there, or that was recorded", async () => {
  const { journal } = await begin();
  journal.placing(about("p"), "part-1");
  expect(await journal.dropped("part-1")).toBe(true);
  journal.placing(about("q"), "part-2");
  unfinished.add("part-2");
  expect((await begin()).names).toEqual([]);
  // Cleared at the start.
  unfinished.clear();
  expect((await begin()).names).toEqual([]);
});

test("another process may give its files the same names", async () => {
  const first = await begin();
  first.journal.placing(about("p"), "part-1");
  const second = await begin();
  second.journal.placing(about("q"), "part-1");
  unfinished.add("part-1");
  expect((await begin()).names).toEqual(["p"]);
});

test("after a power loss nothing is known: the record may have outlived the file", async () => {
  const { journal } = await begin();
  journal.placing(about("p"), "part-1");
  expect((await begin({ bootId: "b2" })).names).toEqual([]);
  expect((await begin({ bootId: "b2" })).names).toEqual([]);
});

test("a time from a clock that was set back gives no age", async () => {
  const { journal } = await begin();
  journal.placing(about("p"), "part-1");
  nowMs -= 1;
  expect((await begin()).before).toEqual([{ about: about("p"), ageMs: Number.POSITIVE_INFINITY }]);
});

test.each([
  ["torn line", '["placing","part-2",10'],
  ["garbage", "\0\0\n[]\n7\n"],
])("a %s is skipped, and nothing after it is lost", async (_, text) => {
  const first = await begin();
  first.journal.placing(about("p"), "part-1");
  appendFileSync(join(folder, "placed.jsonl"), text);
  const second = await begin();
  second.journal.placing(about("q"), "part-3");
  expect((await begin()).names).toEqual(["p", "q"]);
});

test("reads the lines of earlier versions", async () => {
  const { journal } = await begin();
  journal.placing(about("p"), "part-1");
  journal.dropped("part-1");
  await journal.close();
  const golden = [
    '["boot","b1"]',
    '["placing","part-1",1000000,{"key":"key of p","url":"http://urp-1/db/p","fileName":"p","sizeBytes":7,"kind":"first","inDoubt":false,"firstArrivalSeconds":1421777342}]',
    '["dropped","part-1"]',
    "",
  ];
  expect(readFileSync(join(folder, "placed.jsonl"), "utf8")).toBe(golden.join("\n"));
});

test("it keeps the latest, in two files of limited length", async () => {
  const linesMax = 10;
  const { journal } = await begin({ linesMax });
  for (let count = 0; count < 35; count += 1) journal.placing(about(`p${count}`), `part-${count}`);
  expect((await begin({ linesMax })).names).toEqual(Array.from({ length: 15 }, (_, index) => `p${20 + index}`));
  expect(readdirSync(folder).sort()).toEqual(["placed.jsonl", "placed.jsonl.1"]);
  for (const file of readdirSync(folder)) {
    expect(readFileSync(join(folder, file), "utf8").split("\n").length).toBeLessThan(linesMax + 5);
  }
  expect(statSync(join(folder, "placed.jsonl")).mode & 0o777).toBe(0o600);
});

test("if it can't be written, placing continues, that is reported once, and it is written again as soon as possible", async () => {
  const { journal } = await begin({ file: join(folder, "later", "placed.jsonl") });
  journal.placing(about("p"), "part-1");
  journal.placing(about("q"), "part-2");
  expect(failures).toHaveLength(1);
  expect(await journal.dropped("part-2")).toBe(false);
  mkdirSync(join(folder, "later"));
  journal.placing(about("r"), "part-3");
  expect((await begin({ file: join(folder, "later", "placed.jsonl") })).names).toEqual(["r"]);
});

test("if it can't record that something was not placed, it forgets everything before the proof is removed", async () => {
  const { journal } = await begin();
  journal.placing(about("p"), "part-1");
  journal.placing(about("q"), "part-2");
  unfinished.add("part-2");
  renameSync(join(folder, "placed.jsonl"), join(folder, "placed.jsonl.1"));
  // Without a previous line, in a file that does not exist, the next line fails.
  expect((await begin({ linesMax: -1 })).names).toEqual(["p"]);
  unfinished.clear();
  expect((await begin()).names).toEqual([]);
});
