import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PlacedLog } from "./placed-log.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "placed-log-"));
  file = join(folder, "placed");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

const hash = (what: number | string) => createHash("sha256").update(String(what)).digest("hex");

async function reopened(max: number): Promise<PlacedLog> {
  const log = new PlacedLog(file, max);
  await log.load();
  return log;
}

test("what was added is known after a kill: nothing waits for the end of the process", async () => {
  const log = await reopened(100);
  for (const each of [1, 2, 3]) log.add(hash(each));
  const after = await reopened(100);
  expect([1, 2, 3, 4].map((each) => after.has(hash(each)))).toEqual([true, true, true, false]);
  log.close();
});

test("the latest are known, and the file stays small", async () => {
  const log = await reopened(10);
  for (let each = 0; each < 1000; each += 1) log.add(hash(each));
  log.close();
  const after = await reopened(10);
  expect([after.size, after.has(hash(989)), after.has(hash(990)), after.has(hash(999))]).toEqual([
    10,
    false,
    true,
    true,
  ]);
  expect(statSync(file).size).toBeLessThanOrEqual(20 * 33);
  expect(readdirSync(folder)).toEqual(["placed"]);
});

test("a line that was cut short spoils none but itself", async () => {
  const first = await reopened(10);
  first.add(hash(1));
  first.close();
  appendFileSync(file, `\n${hash(2).slice(0, 7)}`);
  const second = await reopened(10);
  second.add(hash(3));
  second.close();
  const third = await reopened(10);
  expect([1, 2, 3].map((each) => third.has(hash(each)))).toEqual([true, false, true]);
});

test("a disk that takes nothing is told of, and what is placed is known in this process all the same", async () => {
  mkdirSync(`${file}.new`);
  const log = await reopened(1);
  log.add(hash(1));
  log.add(hash(2));
  expect(() => log.add(hash(3))).toThrow("EISDIR");
  expect(log.has(hash(3))).toBe(true);
  log.close();
  expect(readFileSync(file, "utf8")).toContain(hash(2).slice(0, 32));
});

test("with 0 there is no file, and nothing is known", async () => {
  const log = await reopened(0);
  log.add(hash(1));
  expect([log.has(hash(1)), readdirSync(folder)]).toEqual([false, []]);
});
