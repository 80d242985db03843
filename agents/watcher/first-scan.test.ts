import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { TreeJournal } from "../lib/tree-journal.ts";
import { FirstScan } from "./first-scan.ts";

const log = pino({ level: "silent" });

let folder: string;
let journal: TreeJournal;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "watcher-first-scan-"));
  journal = await openJournal();
});
afterEach(async () => {
  await journal.close();
  rmSync(folder, { recursive: true });
});

async function openJournal(): Promise<TreeJournal> {
  const file = join(folder, "journal");
  const opened = new TreeJournal({ file, keepSeconds: Number.POSITIVE_INFINITY, now: Date.now, log });
  await opened.open();
  return opened;
}

test("until the first scan has ended, a file older than its beginning existed before", () => {
  const scan = new FirstScan(journal);
  expect(scan.isOlder("a", { changedMs: 1 })).toBe(false);
  scan.begin("a", 1000);
  scan.begin("a", 5000);
  expect(scan.isOlder("a", { changedMs: 900 })).toBe(true);
  expect(scan.isOlder("a", { changedMs: 1000 })).toBe(false);
  expect(scan.isOlder("b", { changedMs: 900 })).toBe(false);
  scan.end("a");
  expect(scan.isOlder("a", { changedMs: 900 })).toBe(false);
});

test("the next process continues it, and doesn't restart one that has ended", async () => {
  const scan = new FirstScan(journal);
  scan.begin("a", 1000);
  scan.begin("b", 1000);
  scan.end("b");
  await journal.close();
  journal = await openJournal();
  const next = new FirstScan(journal);
  next.begin("a", 9000);
  next.begin("b", 9000);
  expect(next.isOlder("a", { changedMs: 2000 })).toBe(false);
  expect(next.isOlder("a", { changedMs: 900 })).toBe(true);
  expect(next.isOlder("b", { changedMs: 900 })).toBe(false);
});
