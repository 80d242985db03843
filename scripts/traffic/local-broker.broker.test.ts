import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmdirSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "amqplib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import { poll } from "../lib/poll.ts";
import { type LocalBroker, startLocalBroker } from "./local-broker.ts";

const folders = () => readdirSync(tmpdir());
const runs = (pid: number) => existsSync(`/proc/${pid}`);

describe("a local broker", () => {
  let broker: LocalBroker;
  beforeAll(async () => {
    // Other tests and users start and stop brokers in the common folder.
    vi.stubEnv("TMPDIR", mkdtempSync(join(tmpdir(), "warren-test-")));
    broker = await startLocalBroker();
  });
  afterAll(async () => {
    await broker.stop();
    expect(folders()).toEqual([]);
    rmdirSync(tmpdir());
    vi.unstubAllEnvs();
  });

  it("answers AMQP and the management API, only with its password", async () => {
    const connection = await connect(broker.url);
    await connection.close();
    const whoami = async (password: string) => {
      const authorization = `Basic ${Buffer.from(`${broker.adminUser}:${password}`).toString("base64")}`;
      return (await fetch(`${broker.managementUrl}/api/whoami`, { headers: { authorization } })).status;
    };
    expect(await whoami(broker.adminPassword)).toBe(200);
    expect(await whoami("guess")).toBe(401);
  });

  it("listens only on loopback, and starts no epmd", () => {
    const listening = execFileSync("ss", ["-Hltnp"], { encoding: "utf8" }).split("\n");
    const own = listening.filter((line) => line.includes(`pid=${broker.pid},`)).map((line) => line.split(/\s+/)[3]);
    const management = new URL(broker.managementUrl).host;
    expect(own.sort()).toEqual([`127.0.0.1:${broker.amqpPort}`, management].sort());
  });

  it("evaluates Erlang, so that a test can raise and clear an alarm, which publishers are notified of", async () => {
    const connection = await connect(broker.url);
    const [blocked, unblocked] = [once(connection, "blocked"), once(connection, "unblocked")];
    const channel = await connection.createChannel();
    await broker.withMemoryAlarm(async () => {
      channel.publish("", "nobody", Buffer.from("x"));
      expect((await blocked)[0]).toMatch(/memory/);
    });
    await unblocked;
    await connection.close();
    expect(await broker.evaluate("1 + 1")).toBe("{ok,2}");
    expect(await broker.evaluate("1 + ")).toMatch(/error/);
  });

  it("keeps ports and confirmed messages after a kill", async () => {
    const connection = await connect(broker.url);
    connection.on("error", () => {});
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {});
    await channel.assertQueue("survivor", { durable: true });
    channel.sendToQueue("survivor", Buffer.from("still here"), { persistent: true });
    await channel.waitForConfirms();
    // The confirm proves that the message is on disk, but not its queue.
    await broker.keepDeclared();
    const { url } = broker;

    await broker.kill();
    expect(broker.pid).toBeUndefined();
    await broker.start();

    expect(broker.url).toBe(url);
    const again = await connect(url);
    const reader = await again.createChannel();
    const message = await reader.get("survivor", { noAck: true });
    expect(message).toMatchObject({ content: Buffer.from("still here") });
    await again.close();
  });

  it("names a port that is in use, and leaves nothing behind", async () => {
    const before = folders();
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const attempt = startLocalBroker({ amqpPort: port });
    await expect(attempt).rejects.toThrow(UserError);
    await expect(attempt).rejects.toThrow(`port ${port} can't be used: EADDRINUSE`);
    server.close();
    expect(folders()).toEqual(before);
  });

  it("is removed with its folder when the process that started it is killed", async () => {
    const before = folders();
    const script = `import { startLocalBroker } from ${JSON.stringify(new URL("./local-broker.ts", import.meta.url))};
      const broker = await startLocalBroker(); console.log(broker.pid);`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(createInterface(parent.stdout), "line");
    const pid = Number(line);
    expect(runs(pid)).toBe(true);
    parent.kill("SIGKILL");
    await poll(() => !runs(pid) && folders().length <= before.length, { everyMs: 20 });
    expect(folders()).toEqual(before);
  });
});
