import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { type BrokerSession, openBrokerSession } from "./broker-session.ts";
import { type BrokerConfig, brokerConfig } from "./config.ts";
import { HomeWatch, type HomeWatchOptions } from "./home-watch.ts";

// The first host of the list is a proxy to the broker that can be closed. Not proved here: that a dispatcher is back before its
// address is; the chaos lab cuts links right after that.

const log = pino({ level: "silent" });
const queue = "home";
let broker: LocalBroker;
let folder: string;
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  broker = await sharedBroker();
  folder = mkdtempSync(join(tmpdir(), "warren-home-"));
  writeFileSync(join(folder, "password"), broker.adminPassword);
});

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
});

/** A port that leads to the broker while it is open; `mute`: it accepts connections and does not answer. */
async function door() {
  const sockets = new Set<Socket>();
  let mute = false;
  let visitors = 0;
  const onVisitor = (socket: Socket): void => {
    visitors += 1;
    keep(socket);
    if (!mute) {
      const inner = keep(connect(broker.amqpPort, "127.0.0.1"));
      socket.pipe(inner).pipe(socket);
    }
  };
  const keep = (socket: Socket): Socket => {
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
    return socket;
  };
  let server: Server | undefined;
  let port = 0;
  const open = async (): Promise<void> => {
    server = createServer(onVisitor);
    await new Promise<void>((resolve) => server?.listen(port, "127.0.0.1", resolve));
    port = (server.address() as AddressInfo).port;
  };
  const shut = async (): Promise<void> => {
    const closed = new Promise((resolve) => server?.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
    server = undefined;
  };
  await open();
  ends.push(() => server && shut());
  return { port, open, shut, say: (speaks: boolean) => (mute = !speaks), visitors: () => visitors };
}

async function openSession(config: BrokerConfig): Promise<BrokerSession> {
  const topology = { exchanges: [], queues: [{ name: queue, bindings: [] }] };
  const session = openBrokerSession({ config, log, name: "test", topology });
  ends.push(() => session.close());
  await session.ready();
  return session;
}

/** A session that had to go to the second host, and a watch that checks when it is told to. */
async function arrange(own: Partial<HomeWatchOptions> = {}) {
  const home = await door();
  await home.shut();
  const config = brokerConfig.parse({
    hosts: [`127.0.0.1:${home.port}`, `127.0.0.1:${broker.amqpPort}`],
    user: broker.adminUser,
    passwordFile: join(folder, "password"),
    reconnectDelayMinMs: 10,
  });
  const session = await openSession(config);
  const world = { nowMs: 0, mayGo: true };
  const watch = new HomeWatch({
    ...{ session, config, name: "test-home", queues: [queue], log },
    ...{ mayLeave: () => world.mayGo, nowMs: () => world.nowMs, ...own },
  });
  watch.stop();
  return { home, session, watch, world };
}

test("a session on another host returns to its first host once that serves, and not while something is in flight", async () => {
  const { home, session, watch, world } = await arrange();
  expect(session.isHome).toBe(false);
  await watch.check();
  expect(session.isHome).toBe(false);
  await home.open();
  world.mayGo = false;
  await watch.check();
  expect([session.isHome, home.visitors()]).toEqual([false, 0]);
  world.mayGo = true;
  const ready = new Promise((resolve) => session.once("ready", () => resolve(undefined)));
  await watch.check();
  await ready;
  expect([session.isHome, session.description]).toEqual([true, `connected to 127.0.0.1:${home.port}`]);
});

test("no session returns to a host that accepts connections without answering, or that lacks a queue", async () => {
  const silent = await arrange();
  silent.home.say(false);
  await silent.home.open();
  await silent.watch.check();
  expect([silent.session.isHome, silent.session.state, silent.home.visitors()]).toEqual([false, "ready", 1]);
  const bare = await arrange({ queues: ["not-there"] });
  await bare.home.open();
  await bare.watch.check();
  expect([bare.session.isHome, bare.session.state, bare.home.visitors()]).toEqual([false, "ready", 1]);
});

test("a host that is left again is tried less and less often, and one that starved its consumer is left alone for long", async () => {
  const { home, session, watch, world } = await arrange();
  const goHome = async (): Promise<void> => {
    const ready = new Promise((resolve) => session.once("ready", () => resolve(undefined)));
    await watch.check();
    await ready;
    expect(session.isHome).toBe(true);
  };
  const leave = async (): Promise<void> => {
    const ready = new Promise((resolve) => session.once("ready", () => resolve(undefined)));
    session.disconnect("it does not serve", { elsewhere: true });
    await ready;
    expect(session.isHome).toBe(false);
  };
  const looksInVain = async (): Promise<void> => {
    const visitors = home.visitors();
    await watch.check();
    expect([session.isHome, home.visitors()]).toEqual([false, visitors]);
  };
  await home.open();
  await goHome();
  await leave();
  world.nowMs = 999;
  await looksInVain();
  world.nowMs = 1000;
  await goHome();
  await leave();
  world.nowMs = 2999;
  await looksInVain();
  world.nowMs = 3000;
  await goHome();
  // After a minute on the first host, the pause is the initial one.
  await watch.check();
  world.nowMs = 63_000;
  await watch.check();
  await leave();
  await goHome();
  await leave();
  world.nowMs = 63_999;
  await looksInVain();
  watch.avoidHome();
  world.nowMs = 363_998;
  await looksInVain();
  world.nowMs = 363_999;
  await goHome();
});
