import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DedupTable } from "./dedup-table.ts";
import { Journal } from "./journal.ts";
import type { JournalLimits } from "./journal-options.ts";
import { tableReplay } from "./journal-replay.ts";
import { readSegment } from "./journal-segment.ts";
import { productKey, RecordedReplay } from "./journal-testing.ts";

const log = pino({ level: "silent" });
const windowMs = 7_200_000;
let directory: string;
let nowMs: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "warren-journal-"));
  nowMs = 1_800_000_000_000;
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function open(limits: Partial<JournalLimits> = {}): Promise<{ journal: Journal; replayed: RecordedReplay }> {
  const replayed = new RecordedReplay();
  const journal = await Journal.open({ directory, windowMs, nowMs: () => nowMs, replay: replayed, log, limits });
  return { journal, replayed };
}

/** What the next process replays. */
async function reopen(): Promise<RecordedReplay> {
  const { journal, replayed } = await open();
  await journal.close();
  return replayed;
}

async function files(): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".journal"));
  return names.sort().map((name) => join(directory, name));
}

const body = Buffer.from("the twin's announcement");

test("the next process replays what was appended, in order, and finds the twins", async () => {
  const { journal } = await open();
  journal.arrival(productKey(1), nowMs, "radar1:8080", 1234, false);
  journal.arrival(productKey(2), nowMs - 0.25, "radar2:8080", 2 ** 40, true);
  journal.certain(productKey(1));
  const ref = journal.twin(productKey(1), "v00.urp.twin.a", body);
  journal.served(productKey(1));
  await journal.synced();
  expect(journal.pendingBytes).toBe(0);
  await journal.close();

  const second = await open();
  expect(second.replayed.all).toEqual([
    `arrival ${productKey(1)} ${nowMs} radar1:8080 1234 false`,
    `arrival ${productKey(2)} ${nowMs - 0.25} radar2:8080 ${2 ** 32 - 1} true`,
    `certain ${productKey(1)}`,
    `twin ${productKey(1)}`,
    `served ${productKey(1)}`,
  ]);
  expect(second.replayed.refs).toEqual([ref]);
  expect(await second.journal.readTwin(ref)).toEqual({ routingKey: "v00.urp.twin.a", body });
  await second.journal.close();
});

test("records within the window are put into the table, once, with what was learned about them", async () => {
  const { journal } = await open();
  const ref = journal.twin(productKey(9), "a", body);
  journal.arrival(productKey(1), nowMs, "radar1", 1, false);
  journal.arrival(productKey(2), nowMs, "radar2", 2, false);
  journal.arrival(productKey(1), nowMs + 1, "radar2", 3, true);
  journal.served(productKey(2));
  const second = journal.twin(productKey(2), "b", body);
  await journal.close();
  const table = new DedupTable({ windowMs, entriesMax: 1 });
  const options = { directory, windowMs, nowMs: () => nowMs + 2, log };
  await (await Journal.open({ ...options, replay: tableReplay(table, nowMs + 2) })).close();
  expect(table.size).toBe(2);
  const [one, two] = [table.find(productKey(1), nowMs + 2), table.find(productKey(2), nowMs + 2)];
  expect([table.atMs(one), table.source(one), table.isCertain(one)]).toEqual([nowMs, "radar2", true]);
  expect([table.isPulled(two), table.isCertain(two), table.twinRef(two)]).toEqual([true, false, second]);
  expect(ref).toBeGreaterThan(0);
});

test("a twin can be read before and after it is written to disk, for as long as its window lasts", async () => {
  const { journal } = await open({ segmentBytesMax: 1000 });
  const refs = Array.from({ length: 50 }, (_, number) => {
    return journal.twin(productKey(number), `key.${number}`, Buffer.alloc(100 + number * 100, number));
  });
  const check = async (): Promise<void> => {
    for (const [number, ref] of refs.entries()) {
      const twin = await journal.readTwin(ref);
      expect(twin?.routingKey).toBe(`key.${number}`);
      expect(twin?.body.equals(Buffer.alloc(100 + number * 100, number))).toBe(true);
    }
  };
  await check();
  await journal.synced();
  await check();
  nowMs += windowMs;
  journal.arrival(productKey(100), nowMs, "radar1", 1, true);
  await journal.synced();
  journal.arrival(productKey(101), nowMs, "radar1", 1, true);
  await journal.synced();
  // Their files are gone. An unknown reference, whatever its value, yields undefined.
  for (const ref of [...refs, 1, 2 ** 48 - 1]) expect(await journal.readTwin(ref)).toBeUndefined();
  await journal.close();
});

test("an announcement far too large is not kept as a twin, and does no harm", async () => {
  const { journal } = await open();
  expect(journal.twin(productKey(1), "a", Buffer.alloc(1024 * 1024))).toBe(0);
  expect(journal.twin(productKey(1), "a".repeat(256), body)).toBe(0);
  expect(() => journal.arrival("no key", nowMs, "radar1", 1, true)).toThrow(RangeError);
  journal.arrival(productKey(1), nowMs, "r".repeat(256), 1, true);
  await journal.close();
  expect((await reopen()).all).toEqual([`arrival ${productKey(1)} ${nowMs} other 1 true`]);
});

test("each file names its sources, up to 255; all others share one name", async () => {
  const { journal } = await open({ segmentBytesMax: 15_000 });
  const expected = Array.from({ length: 600 }, (_, number) => {
    journal.arrival(productKey(number), nowMs, `radar${number % 300}`, 1, true);
    return `radar${number % 300}`;
  });
  await journal.close();
  const sources = (await reopen()).all.map((line) => line.split(" ")[3]);
  expect(sources).toHaveLength(600);
  expect(sources.filter((source, index) => source !== expected[index] && source !== "other")).toEqual([]);
  expect(sources.slice(0, 255)).toEqual(expected.slice(0, 255));
  expect((await files()).length).toBeGreaterThan(1);
});

test("many arrivals are written together, not one by one", async () => {
  const { journal } = await open();
  const promises = new Set<Promise<void>>();
  for (let number = 0; number < 1000; number++) {
    journal.arrival(productKey(number), nowMs, "radar1", 1, true);
    promises.add(journal.synced());
  }
  expect(promises.size).toBe(1);
  await Promise.all(promises);
  expect((await reopenCopy()).all).toHaveLength(1000);
  await journal.close();
});

test("waiting callers are notified once everything appended before is on disk, not earlier", async () => {
  const { journal } = await open({ commitIntervalMs: 1 });
  for (let number = 0; number < 50; number++) {
    journal.arrival(productKey(number), nowMs, "radar1", 1, true);
    // Every other one arrives during a write.
    if (number % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    else {
      await journal.synced();
      expect((await reopenCopy()).all.length).toBeGreaterThanOrEqual(number + 1);
    }
  }
  await journal.close();
});

/** What a process would replay from the folder as it is now. */
async function reopenCopy(): Promise<RecordedReplay> {
  const copy = await mkdtemp(join(tmpdir(), "warren-journal-"));
  try {
    for (const file of await files()) await writeFile(join(copy, file.slice(directory.length)), await readFile(file));
    const replayed = new RecordedReplay();
    await (await Journal.open({ directory: copy, windowMs, nowMs: () => nowMs, replay: replayed, log })).close();
    return replayed;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

test("a file is removed once the window has passed for everything in it; a twin's window counts from when it was written", async () => {
  const { journal } = await open();
  const startMs = nowMs;
  journal.arrival(productKey(1), startMs, "radar1", 1, true);
  nowMs = startMs + windowMs / 16;
  journal.twin(productKey(1), "a", body);
  await journal.synced();
  const [first = ""] = await files();
  for (let step = 4; step <= 17; step++) {
    nowMs = startMs + (step * windowMs) / 16;
    journal.arrival(productKey(step), nowMs, "radar1", 1, true);
    await journal.synced();
    // `synced` resolves before the removal, which is done when the next write begins.
    journal.certain(productKey(step));
    await journal.synced();
    expect((await files()).includes(first), `at ${step}/16 of the window`).toBe(step < 17);
  }
  expect((await files()).length).toBeLessThanOrEqual(9);
  await journal.close();
  // The next process does not replay what has expired meanwhile.
  nowMs += windowMs / 2;
  const replayed = await reopen();
  expect(replayed.all.filter((line) => line.startsWith("arrival")).map((line) => Number(line.split(" ")[2]))).toEqual(
    Array.from({ length: 8 }, (_, index) => startMs + ((index + 10) * windowMs) / 16),
  );
  nowMs += windowMs;
  expect((await reopen()).all.filter((line) => line.startsWith("arrival"))).toEqual([]);
});

test("a process whose clock is wrong at its start removes nothing: the next one, with the correct time, replays everything", async () => {
  const { journal } = await open();
  journal.arrival(productKey(1), nowMs, "radar1", 1, true);
  await journal.close();
  nowMs += 3 * windowMs;
  const wrong = await open();
  expect(wrong.replayed.all).toEqual([]);
  wrong.journal.arrival(productKey(2), nowMs, "radar1", 1, true);
  await wrong.journal.close();
  nowMs -= 3 * windowMs - 1000;
  expect((await reopen()).all).toEqual([
    `arrival ${productKey(1)} ${nowMs - 1000} radar1 1 true`,
    `arrival ${productKey(2)} ${nowMs} radar1 1 true`,
  ]);
});

test("what has expired at a start is removed a window later, and what exceeds the spare space at once", async () => {
  const { journal } = await open({ segmentBytesMax: 300 });
  for (let number = 0; number < 40; number++) journal.arrival(productKey(number), nowMs, "radar1", 1, true);
  await journal.close();
  const all = await files();
  nowMs += 2 * windowMs;
  const next = await open({ spareBytesMax: 700 });
  expect(await files()).toEqual(all.slice(-2));
  for (const [laterMs, count] of [
    [windowMs - 1, 3],
    [1, 1],
  ] as const) {
    nowMs += laterMs;
    next.journal.arrival(productKey(nowMs), nowMs, "radar1", 1, true);
    await next.journal.synced();
    // It is removed before the next write begins.
    next.journal.certain(productKey(nowMs));
    await next.journal.synced();
    expect(await files()).toHaveLength(count);
  }
  await next.journal.close();
});

test.each([
  ["behind", 3 * windowMs],
  ["ahead", -3 * windowMs],
])("what a process wrote whose clock was %s is read with the correct times", async (_, shiftMs) => {
  const { journal } = await open();
  const wrongMs = nowMs;
  journal.arrival(productKey(1), wrongMs, "radar1", 1, true);
  journal.twin(productKey(1), "a", body);
  await journal.close(shiftMs);
  nowMs = wrongMs + shiftMs + windowMs / 2;
  // By the next process, which has no reason for a shift of its own, and by the one after it.
  for (let starts = 0; starts < 2; starts++) {
    const { journal: next, replayed } = await open();
    expect(replayed.all).toEqual([
      `arrival ${productKey(1)} ${wrongMs + shiftMs} radar1 1 true`,
      `twin ${productKey(1)}`,
    ]);
    expect((await next.readTwin(replayed.refs[0] ?? 0))?.body).toEqual(body);
    await next.close(5000);
  }
});

test("after the clock was set back, records from the future count from now", async () => {
  const { journal } = await open();
  journal.arrival(productKey(1), nowMs, "radar1", 1, true);
  await journal.close();
  nowMs -= 10 * windowMs;
  const { all } = await reopen();
  expect(all).toEqual([`arrival ${productKey(1)} ${nowMs} radar1 1 true`]);
});

/** Records of every kind. `lines`: as replayed; `ends`: where each record ends in the file. */
async function writeSome(): Promise<{ file: string; complete: Buffer; lines: string[] }> {
  const { journal } = await open();
  for (let number = 0; number < 4; number++) {
    journal.arrival(productKey(number), nowMs + number / 4, `radar${number % 2}`, number, number % 2 === 0);
    journal.certain(productKey(number));
    journal.twin(productKey(number), `v00.urp.twin.${number}`, Buffer.alloc(number * 10, 7));
    journal.served(productKey(number));
  }
  await journal.close();
  nowMs += 1;
  const lines = (await reopen()).all;
  const [file = ""] = await files();
  return { file, complete: await readFile(file), lines };
}

/** What one file replays, without a process around it. */
async function readOne(file: string): Promise<string[]> {
  const replayed = new RecordedReplay();
  await readSegment(file, 1, { nowMs, windowMs, replay: replayed });
  return replayed.all;
}

test("cut off at any byte, as by a kill, it replays every complete record, and works on", async () => {
  const { file, complete, lines } = await writeSome();
  let longest = 0;
  for (let cut = 0; cut <= complete.length; cut++) {
    await writeFile(file, complete.subarray(0, cut));
    const all = await readOne(file);
    expect(all).toEqual(lines.slice(0, all.length));
    expect(all.length - longest).toBeOneOf([0, 1]);
    longest = all.length;
    // Complete processes at some of them, and so at all places of a record in the end, as 41 is prime.
    if (cut % 41 !== 0 && cut !== complete.length) continue;
    const { journal } = await open({ commitIntervalMs: 0 });
    journal.served(productKey(99));
    await journal.close();
    expect((await reopen()).all).toEqual([...lines.slice(0, longest), `served ${productKey(99)}`]);
    for (const each of await files()) await rm(each);
  }
  expect(longest).toBe(lines.length);
}, 60_000);

test("garbage in the middle costs only the records it covers", async () => {
  const { file, complete, lines } = await writeSome();
  const at = fc.integer({ min: 0, max: complete.length - 1 });
  await fc.assert(
    fc.asyncProperty(at, fc.uint8Array({ minLength: 1, maxLength: 60 }), async (start, garbage) => {
      const damaged = Buffer.from(complete);
      damaged.set(garbage.subarray(0, complete.length - start), start);
      await writeFile(file, damaged);
      const all = await readOne(file);
      // If a source's name is damaged, the arrivals are still known. 60 bytes cover four records at most.
      const anySource = (line: string): string => line.replace(/ (radar\d|other) /, " ");
      const known = new Set(all.map(anySource));
      expect(lines.map(anySource).filter((line) => known.has(line))).toEqual(all.map(anySource));
      expect(all.length).toBeGreaterThanOrEqual(lines.length - 4);
    }),
    { numRuns: 150 },
  );
  // Damaged bytes stay in the file; what follows them is replayed to a complete process too.
  const damaged = Buffer.from(complete).fill(0xff, 200, 300);
  await writeFile(file, damaged);
  const some = await readOne(file);
  expect(some.length).toBeGreaterThan(lines.length - 6);
  expect((await reopen()).all).toEqual(some);
  expect((await readFile(file)).equals(damaged)).toBe(true);
}, 60_000);

test("a journal written by version 0.1.0 is read", async () => {
  const written =
    "77617272656e4a4e00000001eb313fc9" +
    "0000001f6b8cf3d901a985c32cbdee8af2ab5d7b8f6022e7814279ac7c2707b800000799a10001";
  await writeFile(join(directory, "000000000001.journal"), Buffer.from(written, "hex"));
  nowMs = 1_764_288_000_500;
  expect((await reopen()).all).toEqual(["arrival a985c32cbdee8af2ab5d7b8f6022e781 1764288000123.5 other 498081 true"]);
});
