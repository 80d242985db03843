import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pino } from "pino";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { KilledAgent, TestedAgent } from "../../tests/rigs/tested-agent.ts";
import { type BrokerSession, openBrokerSession } from "../lib/broker-session.ts";
import { codecV00 } from "../lib/codec-v00.ts";
import { brokerConfig } from "../lib/config.ts";
import { consume } from "../lib/consumer.ts";
import { inFlightMax } from "../lib/publisher.ts";

const chosen = seededChoices();

// Not proved here: that nothing is lost when the machine loses power. The tests only kill processes.

const filesCount = 400;
/** On an idle machine these take seconds; the limits are for a busy one. */
const waitMs = { timeout: 100_000, interval: 50 };
const log = pino({ level: "silent" });
let broker: LocalBroker;
let folder: string;
let root: string;
let session: BrokerSession;
let agents: ChildProcess[] = [];
let testsCount = 0;
/** How often each path was announced, and the size and key of its last announcement. */
const received = new Map<string, { times: number; sizeBytes: number | undefined; routingKey: string }>();

beforeAll(async () => {
  broker = await sharedBroker();
});

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "warren-announcer-"));
  root = join(folder, "db");
  testsCount += 1;
  mkdirSync(root);
  writeFileSync(join(folder, "password"), broker.adminPassword);
  writeFileSync(join(folder, "announcer.json"), JSON.stringify(settings()));
  received.clear();
  session = openBrokerSession({
    config: brokerConfig.parse(settings().broker),
    log,
    name: "test",
    topology: {
      exchanges: [{ name: settings().exchange, type: "topic" }],
      queues: [{ name: queue(), bindings: [{ exchange: settings().exchange, pattern: "v00.urp.input.#" }] }],
    },
  });
  await session.ready();
  consume({
    session,
    queue: queue(),
    prefetch: 100,
    log,
    agent: "test",
    handle: ({ body, headers, routingKey }) => {
      const parsed = codecV00.parse({ body, headers });
      if (!parsed.ok) throw new Error(parsed.reason);
      const { relPath, sizeBytes } = parsed.value;
      received.set(relPath, { times: (received.get(relPath)?.times ?? 0) + 1, sizeBytes, routingKey });
      return "ack";
    },
  });
});

afterEach(async () => {
  for (const agent of agents) await kill(agent);
  agents = [];
  await session.close();
  rmSync(folder, { recursive: true });
});

/** Each test has its own queue and exchange, so that late messages of one test don't reach the next. */
const queue = () => `received-${testsCount}`;

function settings() {
  const hosts = [`127.0.0.1:${broker.amqpPort}`];
  return {
    broker: { hosts, user: broker.adminUser, passwordFile: join(folder, "password"), reconnectDelayMaxMs: 300 },
    metrics: { port: 0 },
    rootDirectory: root,
    baseUrl: "http://urp-1/",
    exchange: `cmc-${testsCount}`,
    rescanWindowSeconds: 600,
  };
}

/** An announcer in its own process; resolves when it logs that it is ready. */
async function startAnnouncer(): Promise<ChildProcess> {
  const main = join(import.meta.dirname, "main.ts");
  const agent = spawn(process.execPath, [main, "--config", join(folder, "announcer.json")], {
    env: { ...process.env, STATE_DIRECTORY: join(folder, "state") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  agents.push(agent);
  const lines = createInterface({ input: agent.stdout as NodeJS.ReadableStream });
  const ready = Promise.withResolvers<void>();
  lines.on("line", (line) => line.includes('"event":"ready"') && ready.resolve());
  agent.on("exit", () => ready.reject(new Error("announcer exited before it was ready")));
  ready.promise.catch(() => {});
  await ready.promise;
  return agent;
}

async function kill(agent: ChildProcess): Promise<void> {
  if (agent.exitCode !== null || agent.signalCode !== null) return;
  const ended = once(agent, "exit");
  agent.kill("SIGKILL");
  await ended;
}

const pathOf = (count: number) => `20150120/RADAR/S${count % 7}/2015012018${count}:URP:S:RADAR:META::2015`;

/** Writes one product as real writers do: every other one renamed into place, folders made when first needed. */
function writeProduct(count: number): void {
  const path = join(root, pathOf(count));
  mkdirSync(join(path, ".."), { recursive: true });
  const content = "x".repeat(count);
  if (count % 2 === 0) {
    writeFileSync(path, content);
    return;
  }
  writeFileSync(`${path}.tmp`, content);
  renameSync(`${path}.tmp`, path);
}

async function expectAllReceived(files = filesCount): Promise<void> {
  await vi.waitFor(() => expect(received.size).toBe(files), waitMs);
  for (let count = 0; count < files; count += 1) {
    expect(received.get(`db/${pathOf(count)}`)?.sizeBytes).toBe(count);
  }
  expect([...received.keys()].filter((path) => path.endsWith(".tmp"))).toEqual([]);
}

/** Writes all products, a few at a time, so that something can happen in the middle. */
async function writeProducts(inTheMiddle: () => Promise<unknown>): Promise<void> {
  let happened: Promise<unknown> | undefined;
  for (let count = 0; count < filesCount; count += 1) {
    writeProduct(count);
    if (count === filesCount / 2) happened = inTheMiddle();
    if (count % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await happened;
}

test("every product is announced once, complete, with the routing key of its folders, also in new folders", async () => {
  await startAnnouncer();
  await writeProducts(async () => {});
  await expectAllReceived();
  expect([...received.values()].filter(({ times }) => times > 1)).toEqual([]);
  expect(received.get(`db/${pathOf(3)}`)?.routingKey).toBe("v00.urp.input.20150120.RADAR.S3");
});

test("killed at random moments over 2,000 files: nothing is lost, and only announcements in flight at a kill are repeated", async () => {
  const files = 2000;
  const configFile = join(folder, "announcer.json");
  const begun: TestedAgent[] = [];
  const begin = () => {
    const agent = new TestedAgent({ agent: "announcer", configFile, stateDirectory: join(folder, "state") });
    begun.push(agent);
    return agent;
  };
  const killed = new KilledAgent(begin, () => chosen(100));
  try {
    for (let count = 0; count < files; count += 1) {
      writeProduct(count);
      // Half of the kills hit a running agent, the other half come at any time.
      if (count % 200 === 100) await begun.at(-1)?.logged({ event: "ready" });
      else if (count % 200 === 199) await vi.waitFor(() => expect(killed.kills).toBeGreaterThan(count / 200), waitMs);
      else if (count % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await killed.end();
    await expectAllReceived(files);
  } finally {
    await killed.end();
    for (const agent of begun) await agent.kill();
  }
  const repeats = [...received.values()].filter(({ times }) => times > 1).length;
  console.info(`announcer killed ${killed.kills} times over ${files} files: 0 lost, ${repeats} repeated`);
  // Confirmed, but not yet removed from the spool: the dispatcher drops them by their key.
  // Their number depends on the disk; at most what may be in flight at once.
  expect(repeats).toBeLessThanOrEqual(killed.kills * inFlightMax);
});

test("a start after a clean shutdown announces what arrived meanwhile, and repeats nothing", async () => {
  const first = await startAnnouncer();
  for (let count = 0; count < filesCount / 2; count += 1) writeProduct(count);
  await vi.waitFor(() => expect(received.size).toBe(filesCount / 2), waitMs);
  first.kill("SIGTERM");
  expect(await once(first, "exit")).toEqual([0, null]);
  for (let count = filesCount / 2; count < filesCount; count += 1) writeProduct(count);
  await startAnnouncer();
  await expectAllReceived();
  expect([...received.values()].filter(({ times }) => times > 1)).toEqual([]);
});

test("while the broker is down announcements wait on disk, even if the announcer is killed too", async () => {
  const first = await startAnnouncer();
  await writeProducts(async () => {
    await broker.keepDeclared();
    await broker.kill();
  });
  await kill(first);
  await startAnnouncer();
  await broker.start();
  await expectAllReceived();
});
