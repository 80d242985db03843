import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { Journal } from "./journal.ts";
import { productKey, RecordedReplay } from "./journal-testing.ts";

const chosen = seededChoices();

const run = promisify(execFile);
const log = pino({ level: "silent" });
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "warren-journal-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const moduleUrl = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
const childSetup = (limits: object): string => `
  import { Journal } from ${moduleUrl("journal.ts")};
  import { productKey } from ${moduleUrl("journal-testing.ts")};
  import { seededRandom } from ${moduleUrl("../../scripts/traffic/random.ts")};
  const log = { info() {}, warn: console.error, error: console.error };
  const replay = { arrival() {}, certain() {}, served() {}, twin() {} };
  const directory = ${JSON.stringify(directory)};
  const limits = ${JSON.stringify(limits)};
  const journal = await Journal.open({ directory, windowMs: 7_200_000, nowMs: Date.now, replay, log, limits });
`;

// Appends without pause, in batches of random length, and prints after each `synced` how many are confirmed. Files are small, so
// that kills hit their beginnings and ends too.
const appendForEver = `
  const body = Buffer.alloc(300, 7);
  const random = seededRandom(Number(process.argv[2]));
  for (let number = Number(process.argv[1]); ; ) {
    for (const end = number + 1 + random.below(40); number < end; number++) {
      journal.arrival(productKey(number), Date.now(), "radar" + (number % 3), number, true);
      journal.twin(productKey(number), "v00.urp.twin." + number, body);
    }
    const answered = number;
    journal.synced().then(() => process.stdout.write(answered + "\\n"));
    await new Promise((resolve) => setTimeout(resolve, random.below(4)));
  }
`;

test("killed at any moment, again and again, it has everything it confirmed, in order", async () => {
  const script = childSetup({ segmentBytesMax: 30_000, commitIntervalMs: 1 }) + appendForEver;
  const answeredBy: number[] = [];
  let next = 0;
  // On a busy machine a kill may come when little was written.
  for (let round = 0; round < 8 || next <= 100; round++) {
    const child = spawn(
      process.execPath,
      ["--input-type=module", "-e", script, String(next), String(Math.floor(chosen(2 ** 32)))],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let output = "";
    child.stdout.on("data", (data: Buffer) => {
      output += data.toString();
    });
    const closed = once(child, "close");
    await once(child.stdout, "data");
    setTimeout(() => child.kill("SIGKILL"), chosen(150));
    await closed;
    // A line torn by the kill is ignored.
    answeredBy.push(Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1)));

    const replayed = new RecordedReplay();
    const options = { directory, windowMs: 7_200_000, nowMs: Date.now, log };
    const journal = await Journal.open({ ...options, replay: replayed });
    const numbers = replayed.all.filter((line) => line.startsWith("arrival")).map((line) => Number(line.split(" ")[4]));
    expect(numbers).toEqual([...numbers.keys()]);
    expect(numbers.length).toBeGreaterThanOrEqual(answeredBy.at(-1) ?? 0);
    const twins = new Set(replayed.all.filter((line) => line.startsWith("twin")));
    const answered = Array.from({ length: (answeredBy.at(-1) ?? 0) - next }, (_, index) => next + index);
    expect(answered.filter((number) => !twins.has(`twin ${productKey(number)}`))).toEqual([]);
    for (const ref of replayed.refs.slice(-20)) expect((await journal.readTwin(ref))?.body).toHaveLength(300);
    await journal.close();
    next = numbers.length;
  }
  // Progress was made between the kills: each one hit it at work.
  expect(new Set(answeredBy).size).toBe(answeredBy.length);
}, 240_000);

test("5000 arrivals and 5000 twins a second block the process for less than 20 ms at a time, and leave it most of its time", async () => {
  const script = `${childSetup({ segmentBytesMax: 1_000_000 })}
    const keys = Array.from({ length: 10_000 }, (_, number) => productKey(number));
    const body = Buffer.alloc(420, 7);
    const startMs = performance.now();
    const start = process.cpuUsage();
    let longestMs = 0;
    let lastMs = startMs;
    for (let number = 0, due = 0; number < keys.length; ) {
      const nowMs = performance.now();
      // Of a time for which others held this process up no more than this is made up for at once: brokers give so many, too.
      due = Math.min(keys.length, due + Math.min(10, nowMs - lastMs) * 5);
      lastMs = nowMs;
      const before = process.threadCpuUsage();
      for (; number < due; number++) {
        journal.arrival(keys[number], Date.now(), "radar" + (number % 2), 100_000, true);
        if (journal.twin(keys[number], "v00.urp.twin.radar.product", body) === 0) throw new Error("not kept");
        journal.synced();
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
      const { user, system } = process.threadCpuUsage();
      longestMs = Math.max(longestMs, (user + system - before.user - before.system) / 1000);
    }
    await journal.synced();
    const { user, system } = process.cpuUsage(start);
    const share = (user + system) / 1000 / (performance.now() - startMs);
    console.log(JSON.stringify({ longestMs, share }));
    await journal.close();
  `;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { timeout: 170_000 });
  const { longestMs, share } = JSON.parse(stdout) as { longestMs: number; share: number };
  // CPU time, not wall-clock time, so that other processes don't count. The share includes all threads.
  expect(longestMs).toBeLessThan(20);
  expect(share).toBeLessThan(0.3);
}, 180_000);
