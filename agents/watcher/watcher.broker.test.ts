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

// Not proved here: what is announced after a loss of power, only after a kill; nor what is known of a file that somebody holds open
// without writing to it for longer than it has to rest.

// Thousands of files and a broker on two cores that others may use as well: how long it takes proves nothing.
const waitMs = { timeout: 200_000, interval: 50 };
const log = pino({ level: "silent" });

const tests = useAgentTests("watcher");
let root: string;
let session: BrokerSession;
let testsCount = 0;
/** By path, the sizes of the file that were announced, in order. */
let heard = new Map<string, number[]>();
/** Keys and bodies of the messages that are not v02. */
let others: string[] = [];

beforeEach(async () => {
  root = join(tests.folder, "public");
  for (const tree of ["citypage_weather", "marine_weather"]) mkdirSync(join(root, tree), { recursive: true });
  testsCount += 1;
  heard = new Map();
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

/** The broker gives out again what was not acked when it died: one message, not two. */
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
          heard.set(relPath, [...(heard.get(relPath) ?? []), sizeBytes]);
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

/** Of many files: some in place, some renamed, some rewritten, in folders that are made when first needed. */
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

/** Of those, as `write` left them: one that it rewrites may have rested in between, where this process was held up. */
const sizesOf = (count: number) => (count % 2 === 1 && count % 3 === 0 ? [1, count] : [count]);

/** Resolves when each of them was heard as it is. */
async function untilHeard(from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index);
  await vi.waitFor(
    () => expect(numbers.filter((count) => heard.get(pathOf(count))?.at(-1) !== count)).toEqual([]),
    waitMs,
  );
}

/** All of them were heard, as they are, and nothing else; answers how often one was heard again. */
async function expectAllHeard(count: number): Promise<number> {
  await untilHeard(0, count);
  expect(heard.size).toBe(count);
  for (let index = 0; index < count; index += 1) {
    expect(heard.get(pathOf(index))?.filter((size) => !sizesOf(index).includes(size))).toEqual([]);
  }
  return [...heard.values()].reduce((sum, states) => sum + states.length - 1, 0);
}

/** Resolves when both trees have been looked through, as after each start: what comes from then on is told by events alone. */
async function looked(agent: TestedAgent): Promise<void> {
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
    () => expect(Object.fromEntries(heard)).toEqual({ "citypage_weather/golden/BC/s0000001_e.xml": [12] }),
    waitMs,
  );
  expect(await agent.end()).toEqual([0, null]);
});

/** Writes pieces to both for so long; answers how many, and the longest time without one. */
async function writePieces(descriptor: number, path: string, forMs: number) {
  const beganMs = performance.now();
  let [pieces, longestMs] = [0, 0];
  for (let lastMs = beganMs; lastMs - beganMs < forMs; pieces += 1) {
    const nextMs = performance.now();
    writeSync(descriptor, "piece");
    appendFileSync(path, "piece");
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = nextMs;
    // The time between pieces is what is tested.
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  return { pieces, longestMs };
}

test("a file that is written in pieces over time is announced once, whole", async () => {
  const settleMs = 600;
  await looked(await startWatcher({ settleMs }));
  for (let attempt = 1; ; attempt += 1) {
    const [open, reopened] = [`citypage_weather/open-${attempt}.xml`, `marine_weather/reopened-${attempt}.xml`];
    const descriptor = openSync(join(root, open), "w");
    // Longer than either has to rest in all.
    const { pieces, longestMs } = await writePieces(descriptor, join(root, reopened), 2 * settleMs);
    await vi.waitFor(() => expect(heard.get(reopened)?.at(-1)).toBe(5 * pieces), waitMs);
    expect(heard.has(open)).toBe(false);
    closeSync(descriptor);
    await vi.waitFor(() => expect(heard.has(open)).toBe(true), waitMs);
    expect(heard.get(open)).toEqual([5 * pieces]);
    // Where the machine held this process up, a piece came after the file had rested: another one will do.
    if (longestMs > settleMs / 2) continue;
    expect(heard.get(reopened)).toEqual([5 * pieces]);
    return;
  }
});

/** A process of its own, as fast as it can. */
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

test("10,000 files as fast as they can be written are all announced, each once and whole", async () => {
  const agent = await startWatcher();
  const perSecond = await burst(10_000);
  expect(await expectAllHeard(10_000)).toBe(0);
  const looks = await agent.metric('rescans_total{of="tree"}');
  console.log(`${perSecond} files/s written; trees looked through ${looks} times`);
});

test("more events than the kernel's queue holds: the tree is looked through, and nothing is missing", async () => {
  // In folders that are watched already: of new ones the kernel would tell one event each.
  for (let folder = 0; folder < 100; folder += 1)
    mkdirSync(join(root, dirname(pathOf(folder * 100))), { recursive: true });
  const agent = await startWatcher();
  await looked(agent);
  const watchers = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, "utf8").trim().split(" ").map(Number);
  const before = await agent.metric('rescans_total{of="tree"}');
  for (const pid of watchers) process.kill(pid, "SIGSTOP");
  await burst(10_000);
  for (const pid of watchers) process.kill(pid, "SIGCONT");
  expect(await expectAllHeard(10_000)).toBe(0);
  expect(await agent.metric('rescans_total{of="tree"}')).toBeGreaterThan(before);
});

/** Of a process so far: the time on the clock would be that of others, too. */
function cpuSeconds(pid: number): number {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = fields.split(" ").slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) / ticksPerSecond;
}
/** USER_HZ, in which the kernel tells times. */
const ticksPerSecond = 100;
const startsMax = 5;

test("a start with 20,000 files costs so little that 100,000 are watched and looked through in five seconds", async () => {
  const forget = () => rmSync(join(tests.folder, "state"), { recursive: true });
  const empty = await startWatcher();
  const emptySeconds = cpuSeconds(empty.pid);
  expect(await empty.end()).toEqual([0, null]);
  forget();
  await burst(20_000);
  let least = Number.POSITIVE_INFINITY;
  // Others at work make it longer, by caches and by what the processor does beside it, and nothing makes it shorter.
  for (let starts = 0; starts < startsMax && least >= 5; starts += 1) {
    const agent = await startWatcher();
    await looked(agent);
    expect(await agent.metric("remembered_total")).toBe(20_000);
    least = Math.min(least, emptySeconds + 5 * Math.max(0, cpuSeconds(agent.pid) - emptySeconds));
    await agent.kill();
    forget();
  }
  console.log(`100,000 files: ${least.toFixed(1)} s of a processor`);
  expect(least).toBeLessThan(5);
  expect(heard.size).toBe(0);
});

test("killed at random moments over 2,000 files: nothing is lost, and repeats are what was in flight at a kill", async () => {
  const inFlightMax = 50;
  // What is there before the first start ever is not announced.
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
  const repeats = await expectAllHeard(filesCount);
  console.info(`watcher killed ${killed.kills} times over ${filesCount} files: 0 lost, ${repeats} messages repeated`);
  // Announced and not yet in the journal, or in the spool and not yet noted as confirmed.
  expect(repeats).toBeLessThanOrEqual(killed.kills * 5 * inFlightMax);
});

test("a start announces what changed meanwhile, and nothing else", async () => {
  for (let count = 0; count < 10; count += 1) write(count);
  const first = await startWatcher();
  for (let count = 10; count < 20; count += 1) write(count);
  await untilHeard(10, 20);
  expect(heard.size).toBe(10);
  expect(await first.end()).toEqual([0, null]);
  heard.clear();
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
  await vi.waitFor(() => expect(Object.fromEntries(heard)).toEqual(announced), waitMs);
});

test("names that no message can hold are told and counted, and the others go on", async () => {
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
  await vi.waitFor(() => expect(Object.fromEntries(heard)).toEqual(announced), waitMs);
  await vi.waitFor(async () => expect(await agent.metric("rejected_total")).toBeGreaterThanOrEqual(6), waitMs);
  expect(await agent.health()).toMatchObject({ agent: "watcher", connected: true, rejections: expect.any(Array) });
  const reasons = () => {
    const lines = agent.lines.filter(({ msg }) => msg === "file can't be announced");
    return new Set(lines.map(({ reason }) => String(reason).replace(/ of ".*/, "")));
  };
  const told = ["its name is not UTF-8, so no message or URL can hold it", "v02: topic", "exp: topic", "v00: topic"];
  await vi.waitFor(() => expect(reasons()).toEqual(new Set(told)), waitMs);
  expect(await agent.end()).toEqual([0, null]);
});

test("with the broker killed in the middle announcements wait on disk, also over a kill of the watcher", async () => {
  const first = await startWatcher();
  for (let count = 0; count < 200; count += 1) write(count);
  await vi.waitFor(() => expect(heard.size).toBeGreaterThan(100), waitMs);
  await tests.broker.keepDeclared();
  await tests.broker.kill();
  for (let count = 200; count < 400; count += 1) write(count);
  await vi.waitFor(async () => expect(await first.metric("announced_total")).toBeGreaterThanOrEqual(400), waitMs);
  await first.kill();
  await startWatcher();
  await tests.broker.start();
  await expectAllHeard(400);
});
