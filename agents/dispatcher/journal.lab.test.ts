import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { UserError } from "../lib/errors.ts";
import { Journal } from "./journal.ts";
import type { JournalLimits } from "./journal-options.ts";
import { productKey, RecordedReplay } from "./journal-testing.ts";

// A lab test because it mounts a small disk. It creates no hosts.
const run = promisify(execFile);
const log = pino({ level: "silent" });
let disk: string;
let directory: string;

beforeEach(async () => {
  disk = await mkdtemp(join(tmpdir(), "warren-small-disk-"));
  await run("mount", ["-t", "tmpfs", "-o", "size=256k", "warren-test", disk]);
  directory = join(disk, "journal");
});
afterEach(async () => {
  // Lazily: a failed test may have left a file open.
  await run("umount", ["--lazy", disk]);
  await rm(disk, { recursive: true });
});

function open(replay: RecordedReplay, limits: Partial<JournalLimits> = {}): Promise<Journal> {
  const all = { retryMaxMs: 200, segmentBytesMax: 40_000, ...limits };
  return Journal.open({ directory, windowMs: 7_200_000, nowMs: Date.now, replay, log, limits: all });
}

/** False if a fault comes first. */
async function isSynced(journal: Journal): Promise<boolean> {
  let done = false;
  void journal.synced().then(() => {
    done = true;
  });
  const settled = (): boolean => done || journal.fault !== undefined;
  await expect.poll(settled, { timeout: 10_000, interval: 5 }).toBe(true);
  return done;
}

const numbersOf = (replayed: RecordedReplay): number[] =>
  replayed.all.filter((line) => line.startsWith("arrival")).map((line) => Number(line.split(" ")[4]));

test("a full disk loses nothing: what is confirmed is there; the rest waits and is written once there is room", async () => {
  const journal = await open(new RecordedReplay());
  await writeFile(join(disk, "ballast"), Buffer.alloc(100_000));
  let answered = 0;
  let next = 0;
  const refs: number[] = [];
  while (journal.fault === undefined) {
    // Odd lengths, so that the disk fills up in the middle of a record.
    for (const end = next + 37; next < end; next++) {
      journal.arrival(productKey(next), Date.now(), "radar1", next, true);
      refs.push(journal.twin(productKey(next), `key.${next}`, Buffer.alloc(next % 100, 7)));
    }
    if (await isSynced(journal)) answered = next;
  }
  expect(journal.fault).toContain("ENOSPC");
  expect(answered).toBeGreaterThan(100);
  expect(answered).toBeLessThan(next);
  // It works from memory for as long as this takes.
  for (const end = next + 200; next < end; next++) {
    journal.arrival(productKey(next), Date.now(), "radar2", next, true);
  }
  expect((await journal.readTwin(refs.at(-1) ?? 0))?.routingKey).toBe(`key.${refs.length - 1}`);
  const synced = journal.synced();
  await rm(join(disk, "ballast"));
  await synced;
  expect([journal.fault, journal.pendingBytes]).toEqual([undefined, 0]);
  for (const [number, ref] of refs.entries()) expect((await journal.readTwin(ref))?.body).toHaveLength(number % 100);
  await journal.close();

  const replayed = new RecordedReplay();
  await (await open(replayed)).close();
  expect(numbersOf(replayed)).toEqual(Array.from({ length: next }, (_, number) => number));
  expect(replayed.refs).toEqual(refs);
});

test("a process that exits on a full disk leaves what it confirmed, and the next one continues there", async () => {
  const journal = await open(new RecordedReplay());
  let answered = 0;
  for (let next = 0; journal.fault === undefined; next++) {
    journal.arrival(productKey(next), Date.now(), "radar1", next, true);
    if (next % 500 !== 499) continue;
    if (await isSynced(journal)) answered = next + 1;
  }
  await journal.close();
  const replayed = new RecordedReplay();
  const second = await open(replayed);
  const numbers = numbersOf(replayed);
  expect(numbers).toEqual([...numbers.keys()]);
  expect(numbers.length).toBeGreaterThanOrEqual(answered);
  second.arrival(productKey(numbers.length), Date.now(), "radar1", numbers.length, true);
  await expect.poll(() => second.fault, { timeout: 10_000 }).toContain("ENOSPC");
  const synced = second.synced();
  await run("mount", ["-o", "remount,size=512k", disk]);
  await synced;
  await second.close();
  const again = new RecordedReplay();
  await (await open(again)).close();
  expect(numbersOf(again)).toEqual([...numbers, numbers.length]);
});

test("records whose window has passed make room on a full disk", async () => {
  let nowMs = 1_800_000_000_000;
  const limits = { retryMaxMs: 200, segmentBytesMax: 40_000 };
  const options = { directory, windowMs: 7_200_000, nowMs: () => nowMs, log, limits };
  const journal = await Journal.open({ ...options, replay: new RecordedReplay() });
  for (let next = 0; journal.fault === undefined; next++) {
    journal.arrival(productKey(next), nowMs, "radar1", next, true);
    if (next % 500 === 499) await isSynced(journal);
  }
  const synced = journal.synced();
  nowMs += 7_200_001;
  await synced;
  expect(journal.fault).toBeUndefined();
  await journal.close();
});

test("a disk that is mounted read-only is reported at the start", async () => {
  await mkdir(directory);
  await run("mount", ["-o", "remount,ro", disk]);
  const error = await open(new RecordedReplay()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).format()).toContain(
    `${directory}: is on a file system that is mounted read-only (EROFS)`,
  );
});
