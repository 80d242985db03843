import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TreeJournal } from "./tree-journal.ts";

let directory: string;
let file: string;
let nowMs: number;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "journal-"));
  file = join(directory, "announced.journal");
  nowMs = 1_000_000;
});

afterEach(() => rmSync(directory, { recursive: true }));

async function openJournal(): Promise<TreeJournal> {
  const log = pino({ level: "silent" });
  const journal = new TreeJournal({ file, keepSeconds: 100, now: () => nowMs, log });
  await journal.open();
  return journal;
}

const identity = { inode: "7", size: 3, modifiedMs: 5.25 };

test("an announced file is known to the next process, under any name", async () => {
  const first = await openJournal();
  first.add("a b\né", identity);
  await first.close();
  const second = await openJournal();
  expect(second.has("a b\né", identity)).toBe(true);
  expect(second.has("other", identity)).toBe(false);
  await second.close();
});

test("a file that was rewritten or replaced is a different one", async () => {
  const journal = await openJournal();
  journal.add("p", identity);
  expect(journal.has("p", { ...identity, size: 4 })).toBe(false);
  expect(journal.has("p", { ...identity, modifiedMs: 5.5 })).toBe(false);
  expect(journal.has("p", { ...identity, inode: "8" })).toBe(false);
  await journal.close();
});

test("entries of a clock that was far ahead don't stay for ever, nor keep those behind them", async () => {
  const journal = await openJournal();
  nowMs = 90_000_000;
  journal.add("of the future", identity);
  nowMs = 1_000_000;
  journal.add("now", identity);
  expect(journal.has("now", identity)).toBe(true);
  expect(journal.size).toBe(1);
  await journal.close();
});

test("reads the lines of earlier announcers and watchers", async () => {
  const golden = '["a/p 1","281474976710655",3,1421777342250.5,1000000]\n["é","7",0,5.25,1000000]\n';
  writeFileSync(file, golden);
  const journal = await openJournal();
  expect(journal.has("a/p 1", { inode: "281474976710655", size: 3, modifiedMs: 1_421_777_342_250.5 })).toBe(true);
  journal.add("q", identity);
  await journal.close();
  expect(readFileSync(file, "utf8")).toBe(`${golden}["q","7",3,5.25,1000000]\n`);
});

test("a torn last line, as after a kill, costs only itself, and what follows is read", async () => {
  const first = await openJournal();
  first.add("p", identity);
  await first.close();
  appendFileSync(file, '["q","8",3,');
  const second = await openJournal();
  second.add("r", identity);
  await second.close();
  const third = await openJournal();
  expect([third.has("p", identity), third.has("q", identity), third.has("r", identity)]).toEqual([true, false, true]);
  await third.close();
});

test("entries older than the window are forgotten, in memory and on disk", async () => {
  const journal = await openJournal();
  journal.add("old", identity);
  nowMs += 101_000;
  journal.add("new", identity);
  expect(journal.size).toBe(1);
  await journal.close();
  await (await openJournal()).close();
  expect(readFileSync(file, "utf8")).toBe(`["new","7",3,5.25,${nowMs}]\n`);
});

test("the file does not grow with a name announced again and again", async () => {
  const journal = await openJournal();
  for (let round = 0; round < 3; round += 1) {
    for (let count = 0; count < 6000; count += 1) journal.add("p", { ...identity, size: count });
    await journal.close();
    await journal.open();
  }
  await journal.close();
  expect(readFileSync(file, "utf8").split("\n").length).toBeLessThan(10_000);
});

test("a removed path is forgotten; another process reads what was written even without a close", async () => {
  const journal = await openJournal();
  journal.add("gone", identity);
  journal.add("there", identity);
  expect([...journal.paths()]).toEqual(["gone", "there"]);
  journal.remove("gone");
  expect(journal.has("gone", identity)).toBe(false);
  expect(journal.get("there")).toMatchObject(identity);
  journal.write();
  const other = await openJournal();
  expect(other.has("there", identity)).toBe(true);
  await other.close();
  await journal.close();
});
