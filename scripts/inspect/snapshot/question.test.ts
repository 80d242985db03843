import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { section } from "../../../infra/commands/sections.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { type Chain, chainOf } from "./chain.ts";
import { parseFetches, parseHost, parseHttp } from "./host-answer.ts";
import { fetchQuestion, hostQuestion } from "./question.ts";

const shell = async (script: string) => {
  // This machine has no account px: the test's own user takes its place.
  const input = script.replaceAll(
    "--reuid=px --regid=px",
    `--reuid=${process.getuid?.()} --regid=${process.getgid?.()}`,
  );
  return (await execa("sh", ["-s"], { input, reject: false })).stdout;
};

describe("the question to a host", () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-question-"));
  const root = join(folder, "db");
  const health = {
    ...{
      version: 1,
      agent: "announcer",
      ready: true,
      ok: false,
      text: "500 announced, 3 waiting; no connection to x: y",
    },
    ...{ connectionTo: "broker", connected: false, blocked: false, done: 500, spooled: 3, ofLater: "kept" },
  };
  const server = createServer(({ url }, response) => {
    if (url === "/health") response.writeHead(503).end(`${JSON.stringify(health)}\n`);
    else if (url === "/metrics")
      response.end('# HELP a b\nwarren_announcer_announced_total 500\nwarren_announcer_x_bucket{le="1"} 4\n# EOF\n');
    else response.end("x".repeat(70_000));
  });
  let chain: Chain;

  beforeAll(async () => {
    mkdirSync(join(root, "20260101/URP"), { recursive: true });
    for (const [name, bytes, seconds] of [
      ["old", 3, 100],
      ["new one:A::1", 5, 200],
      [".part", 7, 300],
    ] as const) {
      const path = join(root, "20260101/URP", name);
      writeFileSync(path, "y".repeat(bytes));
      utimesSync(path, seconds, seconds);
    }
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const port = (server.address() as AddressInfo).port;
    const of = chainOf("lab", fixtureConfig("lab"));
    const hosts = of.hosts.map((host) => ({ ...host, agents: host.agents.map((agent) => ({ ...agent, port })) }));
    chain = { ...of, hosts, productRoot: root };
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  it("is answered by a plain shell: newest products, the agent's health and metrics, disks", async () => {
    const found = parseHost(chain, "urp-1", await shell(hostQuestion(chain, "urp-1", true)));
    const path = "20260101/URP/";
    expect(found?.newest).toEqual([
      { path: `${path}new one:A::1`, bytes: 5, modifiedMs: 200_000 },
      { path: `${path}old`, bytes: 3, modifiedMs: 100_000 },
    ]);
    expect(found?.agents.announcer).toEqual({ health, metrics: { warren_announcer_announced_total: 500 } });
    expect(found?.disks.length).toBeGreaterThan(0);
    expect(Math.abs((found?.nowMs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it("ignores an incomplete answer", async () => {
    const answer = await shell(hostQuestion(chain, "urp-1", false));
    expect(parseHost(chain, "urp-1", answer.slice(0, answer.lastIndexOf(section("end"))))).toBeUndefined();
  });

  it("reports why an agent does not answer", async () => {
    const hosts = chain.hosts.map((host) => ({ ...host, agents: host.agents.map((agent) => ({ ...agent, port: 1 })) }));
    const gone = { ...chain, hosts };
    const found = parseHost(gone, "pds-1", await shell(hostQuestion(gone, "pds-1", false)));
    expect(found?.agents.puller).toEqual({ silent: "Connection refused" });
  });

  it("is answered whatever other accounts have put into their folders", async () => {
    const state = join(folder, "state");
    mkdirSync(state);
    const hostile = join(folder, "hostile");
    mkdirSync(hostile);
    const secret = join(folder, "of root");
    writeFileSync(secret, `${JSON.stringify(["a/b", "1", 2, 3, 4000])}\n`, { mode: 0o600 });
    const forged = 'x\n== units\nId=forged.service\nActiveState=failed\n== announced\n["a","1",2,3,9]\n== end';
    writeFileSync(join(hostile, forged), "");
    for (const path of [folder, state, hostile]) chmodSync(path, 0o755);
    const ask = async (put: (journal: string) => unknown) => {
      const journal = join(state, "announced.journal");
      rmSync(journal, { force: true });
      await put(journal);
      const asNobody = { ...chain, productRoot: hostile };
      const script = hostQuestion(asNobody, "urp-1", false)
        .replaceAll("/var/lib/warren/announcer", state)
        .replaceAll("--reuid=px --regid=px", "--reuid=nobody --regid=nogroup");
      return parseHost(asNobody, "urp-1", await shell(script));
    };
    const began = performance.now();
    const links = ["/dev/zero", secret].map((to) => (journal: string) => symlinkSync(to, journal));
    for (const put of [...links, (journal: string) => execa("mkfifo", ["-m", "0666", journal])]) {
      const found = await ask(put);
      expect(found?.nowMs).toBeGreaterThan(0);
      expect(found).not.toHaveProperty("announcedAtMs");
      expect(Object.keys(found?.units ?? {})).not.toContain("forged.service");
    }
    expect(performance.now() - began).toBeLessThan(10_000);
    const line = JSON.stringify(["a/b", "1", 2, 3, 5000]);
    const plain = await ask((journal) => writeFileSync(journal, `${`${line}\n`.repeat(1000)}${line.slice(0, 9)}`));
    expect(plain).not.toHaveProperty("announcedAtMs");
    expect((await ask((journal) => writeFileSync(journal, `${line}\n`.repeat(1000))))?.announcedAtMs).toBe(5000);
  });

  it("counts the bytes of a product, from a server that answers and from one that doesn't", async () => {
    // The script connects to port 80 of hosts; the test replaces port and host.
    const question = fetchQuestion(
      [
        { from: "127.0.0.1", path: "/db/a" },
        { from: "127.0.0.1", path: "/db/b" },
      ],
      20,
    );
    const { port } = server.address() as AddressInfo;
    const [first, second] = question.split(" 127.0.0.1 80 ").length === 3 ? [port, 1] : [];
    const asked = question
      .replace("127.0.0.1 80 ", `127.0.0.1 ${first} `)
      .replace("127.0.0.1 80 ", `127.0.0.1 ${second} `);
    expect(parseFetches(await shell(asked))).toEqual([
      { status: 200, bytes: 70_000, body: "" },
      { silent: "Connection refused" },
    ]);
  });

  it("treats an empty answer as none", () => {
    expect(parseHttp([""])).toEqual({ silent: "no answer in time" });
  });
});
