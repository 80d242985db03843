import { createHash } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PlacedLog } from "./placed-log.ts";

let folder: string;
let file: string;
let warnings: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "placed-log-"));
  file = join(folder, "placed");
  warnings = [];
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hash = (what: number | string) => createHash("sha256").update(String(what)).digest("hex");

async function reopened(max: number): Promise<PlacedLog> {
  const log = new PlacedLog(file, max, pino({ level: "warn" }, { write: (line) => void warnings.push(line) }));
  await log.load();
  return log;
}

test("added messages are known after a kill: writing doesn't wait for the process to exit", async () => {
  const log = await reopened(100);
  for (const each of [1, 2, 3]) log.add(hash(each));
  const after = await reopened(100);
  expect([1, 2, 3, 4].map((each) => after.has(hash(each)))).toEqual([true, true, true, false]);
  await log.close();
});

test("the latest messages are known, and the file stays small", async () => {
  const log = await reopened(10);
  for (let each = 0; each < 200; each += 1) {
    log.add(hash(each));
    // Lines added during a rewrite stay in the file until the next rewrite.
    await log.close();
  }
  const after = await reopened(10);
  expect([after.size, after.has(hash(189)), after.has(hash(190)), after.has(hash(199))]).toEqual([
    10,
    false,
    true,
    true,
  ]);
  expect(statSync(file).size).toBeLessThanOrEqual(20 * 33);
  expect(readdirSync(folder)).toEqual(["placed"]);
});

test("a truncated line affects only itself", async () => {
  const first = await reopened(10);
  first.add(hash(1));
  await first.close();
  appendFileSync(file, `\n${hash(2).slice(0, 7)}`);
  const second = await reopened(10);
  second.add(hash(3));
  await second.close();
  const third = await reopened(10);
  expect([1, 2, 3].map((each) => third.has(hash(each)))).toEqual([true, false, true]);
});

test("previous receivers read this file format, and this one reads theirs", async () => {
  const ids = [1, 2, 3].map((each) => hash(each).slice(0, 32));
  writeFileSync(file, `\n${ids[0]}\n${ids[1]}`);
  const log = await reopened(10);
  expect([1, 2].map((each) => log.has(hash(each)))).toEqual([true, true]);
  log.add(hash(3));
  await log.close();
  const text = readFileSync(file, "utf8");
  expect(text).toBe(`\n${ids.join("\n")}\n`);
  expect(text.split("\n").filter((line) => line.length === 32)).toEqual(ids);
});

test("if the disk rejects writes, this process still knows what it placed", async () => {
  mkdirSync(file);
  const log = new PlacedLog(file, 1, pino({ level: "silent" }));
  expect(() => log.add(hash(1))).toThrow("can't be written: EISDIR");
  expect(log.has(hash(1))).toBe(true);
  await log.close();
});

test("a file that can't be rewritten grows, logs that, and keeps all lines", async () => {
  mkdirSync(`${file}.new`);
  const log = await reopened(1);
  for (const each of [1, 2, 3]) log.add(hash(each));
  await log.close();
  expect(warnings.join()).toContain("log can't be rewritten");
  for (const each of [1, 2, 3]) expect(readFileSync(file, "utf8")).toContain(hash(each).slice(0, 32));
});

test("with 0 there is no file, and nothing is remembered", async () => {
  const log = await reopened(0);
  log.add(hash(1));
  expect([log.has(hash(1)), readdirSync(folder)]).toEqual([false, []]);
});
