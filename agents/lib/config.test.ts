import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { commonConfig, loadConfig, printSchema } from "./config.ts";
import { ConfigError } from "./errors.ts";

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is how configs write it
const schema = commonConfig.extend({ prefetch: z.int().min(1).max(10).default(5) });
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-config-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const broker = { hosts: ["10.203.0.50:5672"], user: "feeder", passwordFile: "password" };

async function load(text: string, environment = {}) {
  const file = join(folder, "agent.json");
  await writeFile(file, text);
  return loadConfig(schema, file, environment);
}

async function issuesOf(config: object): Promise<Record<string, string>> {
  const error = await load(JSON.stringify(config)).catch((caught: unknown) => caught);
  if (!(error instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${String(error)}`);
  return Object.fromEntries(error.issues.map((issue) => [issue.path, issue.message]));
}

test("comments are allowed, a // within a string stays, and defaults are filled in", async () => {
  const config = await load(`{ // one line
    "broker": ${JSON.stringify({ ...broker, vhost: "//x" })}, /* several
    lines */ "metrics": { "port": 9102 } }`);
  expect(config).toMatchObject({
    broker: { vhost: "//x" },
    log: { level: "info" },
    shutdownTimeoutMs: 10_000,
    prefetch: 5,
  });
});

test("every fault is reported at once, each with its path and what was found", async () => {
  const issues = await issuesOf({
    broker: { ...broker, hosts: ["10.203.0.50:99999"], pasword: "x" },
    metrics: { port: "9102" },
    prefetch: 11,
    prefetsch: 5,
  });
  expect(issues).toEqual({
    "broker.hosts.0": 'expected a port from 1 to 65535, got "10.203.0.50:99999"',
    "broker.pasword": "unknown key",
    "metrics.port": 'expected number, got "9102"',
    prefetch: "Too big: expected number to be <=10, got 11",
    prefetsch: "unknown key",
  });
});

test("a host over TLS needs trusted CAs", async () => {
  const hosts = ["127.0.0.1:5672", "amqps://10.203.0.50"];
  expect(await issuesOf({ broker: { ...broker, hosts }, metrics: { port: 1 } })).toEqual({
    "broker.hosts.1": expect.stringMatching(/expected `tls` beside it.*amqps:\/\/10\.203\.0\.50/),
  });
  const good = await load(
    JSON.stringify({ broker: { ...broker, hosts, tls: { caFile: "ca.pem" } }, metrics: { port: 1 } }),
  );
  expect(good.broker).toMatchObject({ tls: { caFile: join(folder, "ca.pem") }, queueType: "classic" });
});

test("a missing part is reported as missing", async () => {
  expect(await issuesOf({ metrics: { port: 1 } })).toEqual({ broker: "expected object, but it is missing" });
});

test("a file that is missing or not JSON is reported with its name", async () => {
  await expect(load("{ not json")).rejects.toThrow(/is not JSON/);
  await expect(loadConfig(schema, join(folder, "none.json"))).rejects.toThrow(/can't be read: ENOENT/);
});

test("environment variables are expanded in file names only, and relative ones start at the config's folder", async () => {
  const text = (passwordFile: string) =>
    JSON.stringify({ broker: { ...broker, user: "${HOME}", passwordFile }, metrics: { port: 0 } });
  const environment = { CREDENTIALS_DIRECTORY: "/run/credentials/x", HOME: "/root" };
  const absolute = await load(text("${CREDENTIALS_DIRECTORY}/broker-password"), environment);
  expect(absolute.broker).toMatchObject({ user: "${HOME}", passwordFile: "/run/credentials/x/broker-password" });
  expect((await load(text("password"))).broker.passwordFile).toBe(join(folder, "password"));
  await expect(load(text("${NOWHERE}/x"))).rejects.toThrow(/environment variable NOWHERE is not set/);
});

test("the printed schema names every key and refuses unknown ones", () => {
  const printed = JSON.parse(printSchema(schema));
  expect(Object.keys(printed.properties)).toEqual([
    "$schema",
    "broker",
    "metrics",
    "log",
    "shutdownTimeoutMs",
    "prefetch",
  ]);
  expect(printed.additionalProperties).toBe(false);
});
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: see above
