import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { listenForNotices } from "../../tests/rigs/notify-socket.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { healthSchema } from "./health.ts";

// The dispatcher stands for every agent: this tests the program around it.

const program = join(import.meta.dirname, "../dispatcher/main.ts");
let broker: LocalBroker;
let folder: string;
let running: Pick<Running, "agent" | "ended">[] = [];

beforeAll(async () => {
  broker = await sharedBroker();
  folder = await mkdtemp(join(tmpdir(), "warren-agent-"));
  await writeFile(join(folder, "password"), broker.adminPassword);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => {
  for (const { agent, ended } of running) {
    agent.kill("SIGKILL");
    await ended;
  }
  running = [];
});

interface Running {
  readonly agent: ChildProcess;
  readonly output: { text: string };
  /** Resolves when the output has this. */
  said(text: string): Promise<string>;
  readonly ended: Promise<unknown[]>;
}

function run(own: object, environment: object = {}, ...more: string[]): Promise<Running> {
  return runConfig("agent", own, environment, ...more);
}

/** `name`: of its config. */
async function runConfig(name: string, own: object, environment: object = {}, ...more: string[]): Promise<Running> {
  const file = join(folder, `${name}.json`);
  const settings = {
    broker: { hosts: [`127.0.0.1:${broker.amqpPort}`], user: broker.adminUser, passwordFile: "password" },
    metrics: { port: 0 },
  };
  await writeFile(file, JSON.stringify({ ...settings, ...own }));
  const agent = spawn(process.execPath, [program, "--config", file, ...more], {
    env: { ...process.env, ...environment },
  });
  const ended = once(agent, "close");
  running.push({ agent, ended });
  const output = { text: "" };
  let check = (): void => {};
  for (const stream of [agent.stdout, agent.stderr]) {
    stream.on("data", (data: Buffer) => {
      output.text += data;
      check();
    });
  }
  const said = (text: string): Promise<string> =>
    new Promise((resolve) => {
      check = () => output.text.includes(text) && resolve(output.text);
      check();
    });
  return { agent, output, said, ended };
}

const portIn = (text: string): number => Number(/"metricsPort":(\d+)/.exec(text)?.[1]);

test("an unknown key ends it with code 2, path and reason, before anything is touched", async () => {
  const { ended, output } = await run({ prefetsch: 1, metrics: { port: "x" } });
  expect((await ended)[0]).toBe(2);
  expect(output.text).toMatch(/prefetsch: unknown key/);
  expect(output.text).toMatch(/metrics\.port: expected number, got "x"/);
  expect(output.text).not.toMatch(/ at .*\.ts/);
});

test("--check-config reports a good config and exits with code 0", async () => {
  const { ended, output } = await run({}, {}, "--check-config");
  expect((await ended)[0]).toBe(0);
  expect(output.text).toMatch(/agent\.json: good/);
});

test("a port in use ends it with code 1 and the remedy", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const { ended, output } = await run({ metrics: { port } });
  expect((await ended)[0]).toBe(1);
  expect(output.text).toContain(`127.0.0.1:${port} is in use by another process`);
  expect(output.text).toMatch(/remedy: stop that process .* or set metrics\.port to another port/);
  server.close();
});

test("a missing password file ends it with code 1 and the remedy", async () => {
  const { ended, output } = await run({
    broker: { hosts: ["127.0.0.1:1"], user: "feeder", passwordFile: "none" },
  });
  expect((await ended)[0]).toBe(1);
  expect(output.text).toMatch(/broker\.passwordFile: can't be read: ENOENT/);
});

test("an uncaught error is its last fatal line, and ends it with code 1", async () => {
  const uncaught = `process.once("SIGUSR2", () => { throw new Error("nobody has thought of this"); })`;
  const preload = `--import data:text/javascript,${encodeURIComponent(uncaught)}`;
  const { agent, said, ended, output } = await run({}, { NODE_OPTIONS: preload });
  await said('"event":"ready"');
  agent.kill("SIGUSR2");
  expect((await ended)[0]).toBe(1);
  expect(output.text).toMatch(/"level":"fatal".*"message":"nobody has thought of this"/);
});

test("metrics are OpenMetrics, and health describes its state", async () => {
  const { said, ended, agent } = await run({});
  const port = portIn(await said('"event":"ready"'));
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  expect(health.status).toBe(200);
  const answer: unknown = await health.json();
  expect(answer).toMatchObject({ version: 1, agent: "dispatcher", ok: true, state: "active", connected: true });
  expect(healthSchema.strict().safeParse(answer).error).toBeUndefined();
  const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(metrics.headers.get("content-type")).toMatch(/^application\/openmetrics-text/);
  const text = await metrics.text();
  expect(text).toMatch(/^warren_dispatcher_active 1$/m);
  expect(text).toMatch(/# EOF\n$/);
  agent.kill("SIGTERM");
  expect((await ended)[0]).toBe(0);
});

test("without its broker it stays up, not ready, reports that in health, and still exits on SIGTERM", async () => {
  const config = { broker: { hosts: ["127.0.0.1:1"], user: "feeder", passwordFile: "password" } };
  const { said, ended, agent, output } = await run(config);
  const port = portIn(await said("can't connect to the broker"));
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  expect(health.status).toBe(503);
  expect(await health.json()).toMatchObject({ ok: false, ready: false, text: expect.stringMatching(/ECONNREFUSED/) });
  agent.kill("SIGTERM");
  expect((await ended)[0]).toBe(0);
  expect(output.text).not.toContain('"event":"ready"');
});

test("a broker that stops answering can't delay it: it exits after shutdownTimeoutMs with code 1", async () => {
  const { said, ended, agent, output } = await run({ shutdownTimeoutMs: 300 });
  await said('"event":"ready"');
  await broker.whileFrozen(async () => {
    agent.kill("SIGTERM");
    expect((await ended)[0]).toBe(1);
    expect(output.text).toContain("not everything was settled in time");
  });
});

test("a second signal ends it at once", async () => {
  const { said, ended, agent } = await run({ shutdownTimeoutMs: 60_000 });
  await said('"event":"ready"');
  await broker.whileFrozen(async () => {
    agent.kill("SIGTERM");
    await said("settling what is in flight");
    agent.kill("SIGTERM");
    expect((await ended)[0]).toBe(143);
  });
});

test("two configs in one folder each have a state folder, and a second process of one is refused", async () => {
  const own = (host: string) => ({ inputQueue: `cmc.urp.input-${host}`, ledgerQueue: `cmc.urp.ledger.${host}` });
  const first = await runConfig("bunny1", own("bunny1"));
  await first.said('"event":"ready"');
  const other = await runConfig("bunny2", own("bunny2"));
  await other.said('"event":"ready"');
  const second = await runConfig("bunny1", own("bunny1"));
  expect((await second.ended)[0]).toBe(1);
  const place = join(folder, ".state/dispatcher/bunny1");
  expect(second.output.text).toContain(`${place}: is in use by another process (${first.agent.pid})`);
  expect(second.output.text).toMatch(/remedy: stop that process, or give this one a state folder of its own/);
  const reader = await runConfig("bunny1", own("bunny1"), {}, "--export");
  expect((await reader.ended)[0]).toBe(0);
  first.agent.kill("SIGTERM");
  expect((await first.ended)[0]).toBe(0);
  await (await runConfig("bunny1", own("bunny1"))).said('"event":"ready"');
});

test("no password reaches the log", async () => {
  const { said, ended, agent, output } = await run({ log: { level: "trace" } });
  await said('"event":"ready"');
  agent.kill("SIGTERM");
  await ended;
  expect(output.text).not.toContain(broker.adminPassword);
});

test("systemd is notified of ready, status and stopping", async () => {
  const path = join(folder, "notify");
  const systemd = await listenForNotices(path);
  try {
    const { ended, agent } = await run({}, { NOTIFY_SOCKET: path, WATCHDOG_USEC: "2000000" });
    const heard = () => systemd.notices.join("\n");
    await expect.poll(heard, { timeout: 60_000 }).toMatch(/READY=1[\s\S]*WATCHDOG=1/);
    await expect.poll(heard, { timeout: 60_000 }).toMatch(/STATUS=active; connected to 127\.0\.0\.1/);
    agent.kill("SIGTERM");
    expect((await ended)[0]).toBe(0);
    await expect.poll(heard).toMatch(/STOPPING=1/);
  } finally {
    systemd.stop();
  }
});
