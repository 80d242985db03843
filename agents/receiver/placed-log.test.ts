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
  await Promise.all([1, 2, 3].map((each) => log.add(hash(each))));
  const after = await reopened(100);
  expect([1, 2, 3, 4].map((each) => after.has(hash(each)))).toEqual([true, true, true, false]);
  await log.close();
});

test("the latest are known, and the file stays small", async () => {
  const log = await reopened(10);
  for (let each = 0; each < 1000; each += 1) await log.add(hash(each));
  await log.close();
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

test("what comes while the file is made small is kept", async () => {
  const log = await reopened(50);
  await Promise.all(Array.from({ length: 500 }, (_, each) => log.add(hash(each))));
  await log.close();
  const after = await reopened(50);
  const known = Array.from({ length: 50 }, (_, each) => after.has(hash(450 + each)));
  expect(known).toEqual(known.map(() => true));
});

test("a line that was cut short spoils none but itself", async () => {
  const first = await reopened(10);
  await first.add(hash(1));
  await first.close();
  appendFileSync(file, `\n${hash(2).slice(0, 7)}`);
  const second = await reopened(10);
  await second.add(hash(3));
  await second.close();
  const third = await reopened(10);
  expect([1, 2, 3].map((each) => third.has(hash(each)))).toEqual([true, false, true]);
});

test("a disk that takes nothing is told of, and what is placed is known in this process all the same", async () => {
  mkdirSync(`${file}.new`);
  const log = await reopened(1);
  await log.add(hash(1));
  await log.add(hash(2));
  await expect(log.add(hash(3))).rejects.toThrow("EISDIR");
  expect(log.has(hash(3))).toBe(true);
  await log.close();
  expect(readFileSync(file, "utf8")).toContain(hash(2).slice(0, 32));
});

test("with 0 there is no file, and nothing is known", async () => {
  const log = await reopened(0);
  await log.add(hash(1));
  expect([log.has(hash(1)), readdirSync(folder)]).toEqual([false, []]);
});
