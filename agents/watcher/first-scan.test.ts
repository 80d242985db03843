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
  folder = mkdtempSync(join(tmpdir(), "watcher-first-looks-"));
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

test("until the first look has ended, what is older than its beginning was there before", () => {
  const looks = new FirstScan(journal);
  expect(looks.isOlder("a", { changedMs: 1 })).toBe(false);
  looks.begin("a", 1000);
  looks.begin("a", 5000);
  expect(looks.isOlder("a", { changedMs: 900 })).toBe(true);
  expect(looks.isOlder("a", { changedMs: 1000 })).toBe(false);
  expect(looks.isOlder("b", { changedMs: 900 })).toBe(false);
  looks.end("a");
  expect(looks.isOlder("a", { changedMs: 900 })).toBe(false);
});

test("the next process goes on with it, and begins none that has ended", async () => {
  const looks = new FirstScan(journal);
  looks.begin("a", 1000);
  looks.begin("b", 1000);
  looks.end("b");
  await journal.close();
  journal = await openJournal();
  const next = new FirstScan(journal);
  next.begin("a", 9000);
  next.begin("b", 9000);
  expect(next.isOlder("a", { changedMs: 2000 })).toBe(false);
  expect(next.isOlder("a", { changedMs: 900 })).toBe(true);
  expect(next.isOlder("b", { changedMs: 900 })).toBe(false);
});
