import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pino } from "pino";
import { beforeEach, expect, test, vi } from "vitest";
import { useAgentTests } from "../../tests/rigs/agent-tests.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { KilledAgent, type TestedAgent } from "../../tests/rigs/tested-agent.ts";
import type { BrokerSession } from "../lib/broker-session.ts";
import { codecV02 } from "../lib/codec-v02.ts";
import { consume } from "../lib/consumer.ts";

const chosen = seededChoices();

// Not proved here: behaviour after a loss of power (the tests only kill processes), and for a file that stays open without being written
// to for longer than it has to rest.

// Thousands of files and a broker share two cores with other processes: the duration proves nothing.
const waitMs = { timeout: 200_000, interval: 50 };
const log = pino({ level: "silent" });

const tests = useAgentTests("watcher");
let root: string;
let session: BrokerSession;
let testsCount = 0;
/** The announced sizes of each path, in order. */
let received = new Map<string, number[]>();
/** Routing keys and bodies of the messages that are not v02. */
let others: string[] = [];

beforeEach(async () => {
  root = join(tests.folder, "public");
  for (const tree of ["citypage_weather", "marine_weather"]) mkdirSync(join(root, tree), { recursive: true });
  testsCount += 1;
  received = new Map();
  others = [];
  session = await tests.connect({
    exchanges: [{ name: settings().exchange, type: "topic" }],
    queues: ["v02.post", "exp.dd.notify.citypage_weather.golden", "v00.dd.notify.citypage_weather.golden"].map(
      (key) => ({
        name: `${key}-${testsCount}`,
        bindings: [{ exchange: settings().exchange, pattern: `${key}.#` }],
      }),
    ),
  });
  listen();
});

/** A broker that was killed redelivers unacked messages: they count once. */
function listen(): void {
  const messageIds = new Set<string | undefined>();
  for (const key of ["v02.post", "exp.dd.notify.citypage_weather.golden", "v00.dd.notify.citypage_weather.golden"]) {
    consume({
      ...{ session, queue: `${key}-${testsCount}`, prefetch: 500, log, agent: "test" },
      handle: ({ routingKey, body, headers, messageId }) => {
        if (messageIds.size === messageIds.add(messageId).size) return "ack";
        if (!key.startsWith("v02")) others.push(`${routingKey} ${body}`);
        else {
          const parsed = codecV02.parse({ body, headers });
          if (!parsed.ok) throw new Error(parsed.reason);
          const { relPath, sizeBytes = -1 } = parsed.value;
          received.set(relPath, [...(received.get(relPath) ?? []), sizeBytes]);
        }
        return "ack";
      },
    });
  }
}

function settings() {
  return {
    broker: tests.brokerSettings,
    metrics: { port: 0 },
    rootDirectory: root,
    baseUrl: "http://dd1.weather.gc.ca/",
    exchange: `xpublic-${testsCount}`,
    foundSettleMs: 300,
    // Those of dd-xml-inotify.
    formats: ["v02", "exp", "v00"],
  };
}

async function startWatcher(own: object = {}): Promise<TestedAgent> {
  const agent = makeWatcher(own);
  await agent.logged({ event: "ready" });
  return agent;
}

function makeWatcher(own: object = {}): TestedAgent {
  return tests.start({ ...settings(), ...own });
}

/** One of many files: some are written in place, some renamed, some rewritten; folders are made when first needed. */
const pathOf = (count: number) => `citypage_weather/xml/P${Math.floor(count / 100)}/s${count}_e.xml`;

function write(count: number): void {
  const path = join(root, pathOf(count));
  mkdirSync(dirname(path), { recursive: true });
  if (count % 2 === 0) {
    writeFileSync(`${path}.tmp`, "x".repeat(count));
    renameSync(`${path}.tmp`, path);
  } else if (count % 3 === 0) {
    writeFileSync(path, "x");
    writeFileSync(path, "x".repeat(count));
  } else writeFileSync(path, "x".repeat(count));
}

/** The sizes that may be announced: if this process was held up, a file may have rested before `write` rewrote it. */
const sizesOf = (count: number) => (count % 2 === 1 && count % 3 === 0 ? [1, count] : [count]);

/** Resolves when the final state of each was received. */
async function untilReceived(from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  await vi.waitFor(
    () => expect(numbers.filter((count) => received.get(pathOf(count))?.at(-1) !== count)).toEqual([]),
    waitMs,
  );
}

/** Expects the final state of each, and nothing else. Returns the number of repeats. */
async function expectAllReceived(count: number): Promise<number> {
  await untilReceived(0, count);
  expect(received.size).toBe(count);
  for (let index = 0; index < count; index += 1) {
    expect(received.get(pathOf(index))?.filter((size) => !sizesOf(index).includes(size))).toEqual([]);
  }
  return [...received.values()].reduce((sum, states) => sum + states.length - 1, 0);
}

/** Resolves when both trees were scanned, as after each start: from then on only events report changes. */
async function scanned(agent: TestedAgent): Promise<void> {
  await vi.waitFor(async () => expect(await agent.metric('rescans_total{of="tree"}')).toBe(2), waitMs);
}

test("a change is announced in the three formats of dd-xml-inotify, to the byte", async () => {
  const agent = await startWatcher();
  mkdirSync(join(root, "citypage_weather/golden/BC"), { recursive: true });
  writeFileSync(join(root, "citypage_weather/golden/BC/s0000001_e.xml"), "<siteData/>\n");
  await vi.waitFor(() => expect(others).toHaveLength(2), waitMs);
  expect(others.toSorted()).toEqual([
    "exp.dd.notify.citypage_weather.golden.BC http://dd1.weather.gc.ca/citypage_weather/golden/BC/s0000001_e.xml",
    "v00.dd.notify.citypage_weather.golden.BC b47c4bb428245aada8f665c3c2cb776a 12 http://dd1.weather.gc.ca/ " +
      "citypage_weather/golden/BC/s0000001_e.xml",
  ]);
  await vi.waitFor(
    () => expect(Object.fromEntries(received)).toEqual({ "citypage_weather/golden/BC/s0000001_e.xml": [12] }),
    waitMs,
  );
  expect(await agent.end()).toEqual([0, null]);
});

/** Writes pieces to both files for `forMs`. Returns their number and the longest pause. */
async function writePieces(descriptor: number, path: string, forMs: number) {
  const beganMs = performance.now();
  let [pieces, longestMs] = [0, 0];
  for (let lastMs = beganMs; lastMs - beganMs < forMs; pieces += 1) {
    const nextMs = performance.now();
    writeSync(descriptor, "piece");
    appendFileSync(path, "piece");
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = nextMs;
    // The test is about the time between pieces.
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  return { pieces, longestMs };
}

test("a file that is written in pieces over time is announced once, complete", async () => {
  const settleMs = 600;
  await scanned(await startWatcher({ settleMs }));
  for (let attempt = 1; ; attempt += 1) {
    const [open, reopened] = [`citypage_weather/open-${attempt}.xml`, `marine_weather/reopened-${attempt}.xml`];
    const descriptor = openSync(join(root, open), "w");
    // Longer than either file has to rest.
    const { pieces, longestMs } = await writePieces(descriptor, join(root, reopened), 2 * settleMs);
    await vi.waitFor(() => expect(received.get(reopened)?.at(-1)).toBe(5 * pieces), waitMs);
    expect(received.has(open)).toBe(false);
    closeSync(descriptor);
    await vi.waitFor(() => expect(received.has(open)).toBe(true), waitMs);
    expect(received.get(open)).toEqual([5 * pieces]);
    // If this process was held up, a piece may have come after the file had rested: try another file.
    if (longestMs > settleMs / 2) continue;
    expect(received.get(reopened)).toEqual([5 * pieces]);
    return;
  }
});

/** Writes files in a process of its own, as fast as possible. */
async function burst(count: number): Promise<number> {
  const script = `
    const { mkdirSync, writeFileSync } = require("node:fs");
    const began = performance.now();
    for (let count = 0; count < ${count}; count += 1) {
      const folder = "citypage_weather/xml/P" + Math.floor(count / 100);
      if (count % 100 === 0) mkdirSync(folder, { recursive: true });
      writeFileSync(folder + "/s" + count + "_e.xml", "x".repeat(count));
    }
    console.log(Math.round(${count} / (performance.now() - began) * 1000));`;
  const child = spawn(process.execPath, ["-e", script], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const [rate] = await Promise.all([once(child.stdout, "data"), once(child, "exit")]);
  return Number(rate);
}

test("10,000 files written as fast as possible are all announced, each once and complete", async () => {
  const agent = await startWatcher();
  const perSecond = await burst(10_000);
  expect(await expectAllReceived(10_000)).toBe(0);
  const scans = await agent.metric('rescans_total{of="tree"}');
  console.log(`${perSecond} files/s written; ${scans} scans of trees`);
});

test("if there are more events than the kernel's queue holds, the tree is scanned and nothing is missing", async () => {
  // In folders that are already watched: a new folder causes only one event.
  for (let folder = 0; folder < 100; folder += 1)
    mkdirSync(join(root, dirname(pathOf(folder * 100))), { recursive: true });
  const agent = await startWatcher();
  await scanned(agent);
  const watchers = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, "utf8").trim().split(" ").map(Number);
  const before = await agent.metric('rescans_total{of="tree"}');
  for (const pid of watchers) process.kill(pid, "SIGSTOP");
  await burst(10_000);
  for (const pid of watchers) process.kill(pid, "SIGCONT");
  expect(await expectAllReceived(10_000)).toBe(0);
  expect(await agent.metric('rescans_total{of="tree"}')).toBeGreaterThan(before);
});

/** CPU time of a process so far: wall time would include other processes. */
function cpuSeconds(pid: number): number {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = fields.split(" ").slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) / ticksPerSecond;
}
/** USER_HZ, the kernel's unit of CPU time. */
const ticksPerSecond = 100;
const startsMax = 5;
/** An idle core needs 3.6 to 4.3 s; beside three other test processes, which share its caches, 5.1 s. */
const processorSecondsMax = 10;

test("a start with 20,000 files is cheap enough to watch and scan 100,000 in ten seconds", async () => {
  const forget = () => rmSync(join(tests.folder, "state"), { recursive: true });
  const empty = await startWatcher();
  const emptySeconds = cpuSeconds(empty.pid);
  expect(await empty.end()).toEqual([0, null]);
  forget();
  await burst(20_000);
  let least = Number.POSITIVE_INFINITY;
  // Other processes only make it longer, by their use of caches and of the processor.
  for (let starts = 0; starts < startsMax && least >= processorSecondsMax; starts += 1) {
    const agent = await startWatcher();
    await scanned(agent);
    expect(await agent.metric("remembered_total")).toBe(20_000);
    least = Math.min(least, emptySeconds + 5 * Math.max(0, cpuSeconds(agent.pid) - emptySeconds));
    await agent.kill();
    forget();
  }
  console.log(`100,000 files: ${least.toFixed(1)} s of a processor`);
  expect(least).toBeLessThan(processorSecondsMax);
  expect(received.size).toBe(0);
});

test("killed at random moments over 2,000 files: nothing is lost, and only announcements in flight at a kill are repeated", async () => {
  const inFlightMax = 50;
  // Files that exist before the first start ever are not announced.
  await (await startWatcher()).kill();
  const killed = new KilledAgent(
    () => makeWatcher({ inFlightMax, settleMs: 20 }),
    () => 20 + chosen(400),
  );
  const filesCount = 2000;
  for (let count = 0; count < filesCount; count += 1) {
    write(count);
    if (count % 400 === 399) await vi.waitFor(() => expect(killed.kills).toBeGreaterThan(count / 400), waitMs);
    else if (count % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await killed.end();
  const repeats = await expectAllReceived(filesCount);
  console.info(`watcher killed ${killed.kills} times over ${filesCount} files: 0 lost, ${repeats} messages repeated`);
  // Announced but not yet in the journal, or spooled but not yet recorded as confirmed.
  expect(repeats).toBeLessThanOrEqual(killed.kills * 5 * inFlightMax);
});

test("a start announces what changed meanwhile, and nothing else", async () => {
  for (let count = 0; count < 10; count += 1) write(count);
  const first = await startWatcher();
  for (let count = 10; count < 20; count += 1) write(count);
  await untilReceived(10, 20);
  expect(received.size).toBe(10);
  expect(await first.end()).toEqual([0, null]);
  received.clear();
  appendFileSync(join(root, pathOf(1)), "more");
  appendFileSync(join(root, pathOf(11)), "more");
  rmSync(join(root, pathOf(12)));
  writeFileSync(join(root, "marine_weather/new.xml"), "new");
  renameSync(join(root, pathOf(13)), join(root, "marine_weather/renamed.xml"));
  await startWatcher();
  const announced = {
    [pathOf(1)]: [5],
    [pathOf(11)]: [15],
    "marine_weather/new.xml": [3],
    "marine_weather/renamed.xml": [13],
  };
  await vi.waitFor(() => expect(Object.fromEntries(received)).toEqual(announced), waitMs);
});

test("names that no message can contain are reported and counted, and other files are announced", async () => {
  const agent = await startWatcher();
  const tree = Buffer.from(join(root, "citypage_weather/"));
  writeFileSync(Buffer.concat([tree, Buffer.from([0x61, 0xff, 0xfe])]), "x");
  mkdirSync(Buffer.concat([tree, Buffer.from([0xc3, 0x28])]));
  writeFileSync(Buffer.concat([tree, Buffer.from([0xc3, 0x28]), Buffer.from("/below.xml")]), "x");
  writeFileSync(join(root, "citypage_weather/line\nbreak.xml"), "x");
  mkdirSync(join(root, `citypage_weather/${"y".repeat(240)}`));
  writeFileSync(join(root, `citypage_weather/${"y".repeat(240)}/a.xml`), "x");
  await agent.logged("file can't be announced");
  writeFileSync(join(root, "citypage_weather/last.xml"), "x");
  const announced = { "citypage_weather/line\nbreak.xml": [1], "citypage_weather/last.xml": [1] };
  await vi.waitFor(() => expect(Object.fromEntries(received)).toEqual(announced), waitMs);
  await vi.waitFor(async () => expect(await agent.metric("rejected_total")).toBeGreaterThanOrEqual(6), waitMs);
  expect(await agent.health()).toMatchObject({ agent: "watcher", connected: true, rejections: expect.any(Array) });
  const reasons = () => {
    const lines = agent.lines.filter(({ msg }) => msg === "file can't be announced");
    return new Set(lines.map(({ reason }) => String(reason).replace(/ of ".*/, "")));
  };
  const expected = [
    "its name is not valid UTF-8, so no message or URL can contain it",
    "v02: topic",
    "exp: topic",
    "v00: topic",
  ];
  await vi.waitFor(() => expect(reasons()).toEqual(new Set(expected)), waitMs);
  expect(await agent.end()).toEqual([0, null]);
});

test("while the broker is down announcements wait on disk, even if the watcher is killed too", async () => {
  const first = await startWatcher();
  for (let count = 0; count < 200; count += 1) write(count);
  await vi.waitFor(() => expect(received.size).toBeGreaterThan(100), waitMs);
  await tests.broker.keepDeclared();
  await tests.broker.kill();
  for (let count = 200; count < 400; count += 1) write(count);
  await vi.waitFor(async () => expect(await first.metric("announced_total")).toBeGreaterThanOrEqual(400), waitMs);
  await first.kill();
  await startWatcher();
  await tests.broker.start();
  await expectAllReceived(400);
});
