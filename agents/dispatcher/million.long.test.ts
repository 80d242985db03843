import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseExportLine, writeExport } from "../lib/journal-export.ts";
import { Journal } from "./journal.ts";
import { exportSegments } from "./journal-export.ts";
import { RecordedReplay } from "./journal-testing.ts";

// Table, journal and export with as many products as the config allows. How each product is handled is tested beside them.

const run = promisify(execFile);
const moduleUrl = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "warren-million-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

// Keys are outside the heap and the young generation is small, so that garbage from making keys is not counted as the table's.
const memoryProbe = `
  import { randomFillSync } from "node:crypto";
  import { DedupTable } from ${moduleUrl("dedup-table.ts")};
  const table = new DedupTable({ windowMs: 7_200_000, entriesMax: 1_000_000 });
  const keys = randomFillSync(Buffer.alloc(16_000_000));
  const keyOf = (number) => keys.hexSlice(16 * number, 16 * number + 16);
  let longestMs = 0;
  const fill = (from, to) => {
    for (let start = from; start < to; start += 10) {
      const before = process.threadCpuUsage().user;
      for (let number = start; number < start + 10; number++) {
        const slot = table.add(keyOf(number), 1e12 + number, "radar" + (number % 4), 100_000, true);
        table.setTwinRef(slot, 2 ** 40 + number);
      }
      longestMs = Math.max(longestMs, (process.threadCpuUsage().user - before) / 1000);
    }
  };
  const settle = () => { for (let i = 0; i < 4; i++) gc(); return process.memoryUsage.rss(); };
  fill(0, 10_000);
  for (let number = 0; number < 300_000; number++) table.find(keyOf(number % 10_000), 1e12 + number);
  const before = settle();
  fill(10_000, 1_000_000);
  const bytes = (settle() - before) / 990_000;
  let found = 0;
  for (let number = 0; number < 1_000_000; number += 1009) {
    const slot = table.find(keyOf(number), 1e12 + 1_000_000);
    if (slot >= 0 && table.twinRef(slot) === 2 ** 40 + number) found++;
  }
  console.log(JSON.stringify({ bytes, longestMs, found }));
`;

test("from 10,000 products to a million it grows by at most 60 bytes each, twins included, and never pauses", async () => {
  const nodeOptions = ["--expose-gc", "--max-semi-space-size=1", "--input-type=module", "-e", memoryProbe];
  const { stdout } = await run(process.execPath, nodeOptions, { timeout: 170_000 });
  const { bytes, longestMs, found } = JSON.parse(stdout) as { bytes: number; longestMs: number; found: number };
  expect(found).toBe(992);
  // 44 by construction. The system counts complete pages, for the whole process.
  expect(bytes).toBeGreaterThan(30);
  expect(bytes).toBeLessThan(60);
  // For ten additions: CPU time of this thread, so that other processes don't count. The system reports it in steps of 4 ms, and
  // a step between two readings may count twice. Copying a table would pause for ten times as long.
  expect(longestMs).toBeLessThan(9);
}, 180_000);

test("a million arrivals are read back into the table within seconds", async () => {
  const script = `
    import { randomFillSync } from "node:crypto";
    import { DedupTable } from ${moduleUrl("dedup-table.ts")};
    import { tableReplay } from ${moduleUrl("journal-replay.ts")};
    import { Journal } from ${moduleUrl("journal.ts")};
    const log = { info() {}, warn: console.error, error: console.error };
    const replay = { arrival() {}, certain() {}, served() {}, twin() {} };
    const directory = ${JSON.stringify(directory)};
    const journal = await Journal.open({ directory, windowMs: 7_200_000, nowMs: Date.now, replay, log });
    const productCount = 1_000_000;
    const keys = randomFillSync(Buffer.alloc(16 * productCount));
    for (let number = 0; number < productCount; number++) {
      const key = keys.hexSlice(16 * number, 16 * number + 16);
      journal.arrival(key, Date.now(), "radar" + (number % 2), number, true);
      if (number % 20_000 === 0) await journal.synced();
    }
    await journal.close();
    let bestMs = Infinity;
    for (let round = 0; round < 3 && bestMs >= 4000; round++) {
      const table = new DedupTable({ windowMs: 7_200_000, entriesMax: productCount });
      const start = process.cpuUsage();
      const options = { directory, windowMs: 7_200_000, nowMs: Date.now, log };
      const again = await Journal.open({ ...options, replay: tableReplay(table, Date.now()) });
      const { user, system } = process.cpuUsage(start);
      bestMs = Math.min(bestMs, (user + system) / 1000);
      if (table.size !== productCount) throw new Error("only " + table.size);
      await again.close();
    }
    console.log(JSON.stringify({ bestMs }));
  `;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { timeout: 170_000 });
  const { bestMs } = JSON.parse(stdout) as { bestMs: number };
  // CPU time, for the same reason; the file is in the page cache. It takes 1.8 s, or 2.4 s at another time on the same machine.
  expect(bestMs).toBeLessThan(4000);
}, 180_000);

test("one of a million products is found in seconds, with the memory of a few files", async () => {
  const log = pino({ level: "silent" });
  const nowMs = Date.now();
  const options = { directory, windowMs: 7_200_000, nowMs: () => nowMs, log, limits: { pendingBytesMax: 1024 ** 3 } };
  const journal = await Journal.open({ ...options, replay: new RecordedReplay() });
  const hex = (number: number) => number.toString(16).padStart(32, "0");
  for (let number = 0; number < 1_000_000; number++)
    journal.arrival(hex(number), nowMs + number / 1000, "radar1", 1, true);
  await journal.close();
  const beganMs = performance.now();
  const before = process.resourceUsage().maxRSS;
  const selection = { key: hex(700_000) };
  const to = new PassThrough();
  const printed = text(to);
  await writeExport(to, "dispatcher", exportSegments(directory, selection), selection);
  to.end();
  const found = (await printed).trimEnd().split("\n").map(parseExportLine);
  expect(found).toMatchObject([{ event: "sent", key: hex(700_000), timeMs: nowMs + 700 }]);
  expect(performance.now() - beganMs).toBeLessThan(10_000);
  expect(process.resourceUsage().maxRSS - before).toBeLessThan(200 * 1024);
});
