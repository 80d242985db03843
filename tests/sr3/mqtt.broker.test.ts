import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream";
import { connect } from "amqplib";
import mqtt, { type IClientOptions, type IConnackPacket, type MqttClient } from "mqtt";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Metrics } from "../../agents/lib/metrics.ts";
import { watchMqtt } from "../../agents/monitor/mqtt-watch.ts";
import { readQueue } from "../../agents/queue-manager/queue-facts.ts";
import { outsidersSchema } from "../../infra/config/outsiders.ts";
import { shellLines, textOf } from "../docs/pages.ts";
import { Cleanup } from "../rigs/cleanup.ts";
import { declareAnswer } from "../rigs/declare-answer.ts";
import { type ProductServer, serveProducts } from "../rigs/product-server.ts";
import { TestedAgent } from "../rigs/tested-agent.ts";
import { findProgram, mosquittoSub } from "../rigs/unpacked-program.ts";
import { installPython } from "./installation.ts";
import { type MqttBroker, mqttAddresses, startMqttBroker } from "./mqtt-broker.ts";
import { fileNames } from "./names.ts";
import { filesBelow, withOtherContent } from "./stage.ts";

// WIS2's clients of today as they come from their registries, by the commands of docs/subscribe.md, at RabbitMQ 4.0 as the model configures it. Not shown here: a cluster, and sr3,
// whose 3.3.1 subscribes with MQTT's shared subscriptions only, which RabbitMQ has not.

const page = "docs/subscribe.md";
/** Where the broker has the port that the page shows; pywis-pubsub uses TLS on no other. */
const [, shownAddress] = mqttAddresses;
const shownPort = 8883;
const filter = "origin/a/wis2/ca-eccc-msc/#";
const topic = "origin/a/wis2/ca-eccc-msc/data/core/weather/surface-based-observations/weather-radar";
const sessionSeconds = 3600;
const login = { username: "everyone", password: "everyone" };

let folder: string;
let served: MqttBroker;
let server: ProductServer;
const cleanup = new Cleanup();

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), "warren-mqtt-"));
  cleanup.add(() => rmSync(folder, { recursive: true }));
  served = await startMqttBroker(folder);
  cleanup.add(() => served.broker.stop());
  const door = createServer((near) => pipeline(near, connectTo(served.ports.tls, "127.0.0.1"), near, () => {}));
  await once(door.listen(shownPort, shownAddress), "listening");
  cleanup.add(() => door.close());
  mkdirSync(path.join(folder, "tree/radar"), { recursive: true });
  server = await serveProducts(path.join(folder, "tree"));
  cleanup.add(() => server.close());
});
afterAll(() => cleanup.run());

/** A client, and the ids and links of the notifications that it has received, in order. */
interface Client {
  readonly ids: string[];
  readonly paths: string[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Notification {
  readonly id: string;
  readonly links: readonly { readonly href: string }[];
}

function received(client: Pick<Client, "ids" | "paths">, text: string): void {
  const { id, links } = JSON.parse(text) as Notification;
  client.ids.push(id);
  client.paths.push(decodeURIComponent(new URL(links[0]?.href ?? "").pathname.slice(1)));
}

const urls = () => ({ tls: `mqtts://127.0.0.1:${served.ports.tls}`, web: `wss://127.0.0.1:${served.ports.web}/ws` });

async function open(url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const ca = readFileSync(served.caFile);
  const client = await mqtt.connectAsync(url, { protocolVersion: 5, ...login, ca, reconnectPeriod: 0, ...options });
  cleanup.add(() => client.endAsync(true));
  return client;
}

const connected = (client: MqttClient) => new Promise<IConnackPacket>((resolve) => client.once("connect", resolve));

/** mqtt.js with a session. */
function javascriptClient(clientId: string, url: string): Client {
  let client: MqttClient;
  const own = {
    ...{ ids: [] as string[], paths: [] as string[] },
    async start() {
      const properties = { sessionExpiryInterval: sessionSeconds };
      const ca = readFileSync(served.caFile);
      client = mqtt.connect(url, { protocolVersion: 5, ...login, ca, clean: false, clientId, properties });
      client.on("message", (_, payload, packet) => {
        expect(packet).toMatchObject({ topic, qos: 1, properties: { contentType: "application/geo+json" } });
        received(own, payload.toString());
      });
      await connected(client);
      await client.subscribeAsync(filter, { qos: 1 });
    },
    stop: () => client.endAsync(),
  };
  return own;
}

/** A text of docs/subscribe.md for this broker. */
const here = (text: string) => text.replaceAll("BROKER", shownAddress);

/** Runs a command of docs/subscribe.md with more words, in the test's folder. @param beginning of the command */
function shown(beginning: string, more: string, programs: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const lines = shellLines(page).filter((line) => line.startsWith(beginning));
  expect(lines, beginning).toHaveLength(1);
  return spawn("sh", ["-c", `exec ${here(lines[0] ?? "")}${more}`], {
    ...{ cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
    env: { ...process.env, ...env, PATH: [...programs, process.env.PATH].join(":") },
  });
}

function mosquitto(): Client {
  let child: ChildProcess;
  const own = {
    ...{ ids: [] as string[], paths: [] as string[] },
    async start() {
      const { command, env } = await findProgram(mosquittoSub);
      child = shown("mosquitto_sub ", ` --cafile ${served.caFile}`, [path.dirname(command)], env);
      let rest = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) received(own, line);
      });
    },
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "close");
    },
  };
  return own;
}

/** pywis-pubsub without a session, which it can't have: it validates, fetches and verifies each product. */
class Pywis {
  log = "";
  readonly folder = path.join(folder, "radar");
  #child: ChildProcess | undefined;

  async start(): Promise<void> {
    const { python, modules } = await installPython("pywis-pubsub");
    const home = path.join(folder, "home");
    const schemas = path.join(home, ".pywis-pubsub/wis2-notification-message");
    mkdirSync(schemas, { recursive: true });
    const schema = path.join(import.meta.dirname, "../../docs/subscribe/wis2-notification-message.json");
    copyFileSync(schema, path.join(schemas, "wis2-notification-message-bundled.json"));
    const config = /^```yaml\n(broker: [\s\S]*?)^```$/m.exec(textOf(page))?.[1] ?? "";
    writeFileSync(path.join(folder, "wis2.yml"), here(config));
    const program = `#!/bin/sh\nexec ${python} -S -c "from pywis_pubsub import cli; cli()" "$@"\n`;
    writeFileSync(path.join(folder, "pywis-pubsub"), program, { mode: 0o755 });
    const env = { HOME: home, PYTHONPATH: modules, LC_ALL: "C.UTF-8", SSL_CERT_FILE: served.caFile };
    // The schema would come from the WMO's web server; it is there already.
    const [status] = await once(shown("pywis-pubsub schema", " --help", [folder], env), "close");
    expect(status).toBe(0);
    this.#child = shown("pywis-pubsub subscribe", " --verbosity DEBUG", [folder], env);
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.log += text;
      });
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    if (this.#child?.exitCode === null) await once(this.#child, "close");
  }

  count(line: RegExp): number {
    return this.log.match(line)?.length ?? 0;
  }
}

/** Moves files into the watched tree, whose content is their path. */
function write(names: readonly string[]): void {
  const unfinished = path.join(folder, "unfinished");
  for (const name of names) {
    const file = path.join(folder, "tree", name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(unfinished, name);
    renameSync(unfinished, file);
  }
}

async function startWatcher(): Promise<TestedAgent> {
  const configFile = path.join(folder, "watcher.json");
  const { adminUser: user, adminPassword, amqpPort } = served.broker;
  writeFileSync(path.join(folder, "password"), adminPassword);
  const config = {
    broker: { hosts: [`127.0.0.1:${amqpPort}`], user, passwordFile: "password" },
    ...{ metrics: { port: 0 }, rootDirectory: path.join(folder, "tree"), trees: ["radar"], baseUrl: server.baseUrl },
    ...{ formats: ["v02", "exp"], settleMs: 50, foundSettleMs: 50 },
    wis: { centre: "ca-eccc-msc", topics: [{ topic: "weather/surface-based-observations/weather-radar" }] },
  };
  writeFileSync(configFile, JSON.stringify(config));
  const watcher = new TestedAgent({ agent: "watcher", configFile, stateDirectory: path.join(folder, "state") });
  cleanup.add(() => watcher.kill());
  await watcher.logged({ event: "ready" });
  return watcher;
}

/** Of the products. `docs/wis2.md` has a run with 100. */
const fifth = Number(process.env.WARREN_MQTT_FIFTH ?? 20);

test("mosquitto_sub, mqtt.js and pywis-pubsub have each product once, over a restart of the broker", async () => {
  const names = fileNames("w", 5 * fifth);
  const part = (from: number, to: number) => names.slice(from, to);
  const clients = [mosquitto(), javascriptClient("js", urls().tls), javascriptClient("web", urls().web)];
  const pywis = new Pywis();
  cleanup.add(() => pywis.kill());
  for (const client of clients) cleanup.add(() => client.stop());
  let watcher = await startWatcher();
  for (const client of [pywis, ...clients]) await client.start();
  const subscribed = () => expect.poll(() => served.bindings(), { timeout: 60_000 }).toBe(clients.length + 1);
  const has = (count: number) => expect.poll(() => filesBelow(pywis.folder).length, { timeout: 100_000 }).toBe(count);
  const have = (count: number) =>
    expect
      .poll(() => clients.map(({ ids }) => new Set(ids).size), { timeout: 100_000 })
      .toEqual(clients.map(() => count));
  await subscribed();
  write(part(0, 2 * fifth));
  await Promise.all([have(2 * fifth), has(2 * fifth)]);
  // The broker keeps these for the sessions, and its restart keeps them too.
  await Promise.all(clients.map((client) => client.stop()));
  write(part(2 * fifth, 3 * fifth));
  await has(3 * fifth);
  await watcher.kill();
  await served.broker.shutdown();
  await served.broker.start();
  // pywis-pubsub has no session: it has to be back before the next product.
  await subscribed();
  write(part(3 * fifth, 4 * fifth));
  watcher = await startWatcher();
  await has(4 * fifth);
  for (const client of clients) await client.start();
  write(part(4 * fifth, 5 * fifth));
  await Promise.all([have(5 * fifth), has(5 * fifth)]);

  for (const { ids, paths } of clients) {
    expect(ids.length - new Set(ids).size, "repeated").toBe(0);
    expect(paths.toSorted()).toEqual(names.toSorted());
  }
  const below = "wis2/ca-eccc-msc/data/core/weather/surface-based-observations/weather-radar";
  expect(filesBelow(pywis.folder).toSorted()).toEqual(names.map((name) => `${below}/${name}`).toSorted());
  expect(withOtherContent(path.join(pywis.folder, below), names, (name) => name)).toEqual([]);
  // It says so after the file is there.
  await expect.poll(() => pywis.count(/Data verification passed/g)).toBe(5 * fifth);
  expect(pywis.count(/Cannot validate message|Data verification failed|Duplicate detected/g)).toBe(0);
});

/** Whether the broker accepts a request of the client. It refuses it, or closes the connection. */
async function accepts(request: (client: MqttClient) => Promise<boolean>): Promise<boolean> {
  const client = await open(urls().tls);
  const closed = new Promise<boolean>((resolve) => client.once("close", () => resolve(false)));
  return Promise.race([request(client).catch(() => false), closed]);
}

const subscribes = (to: string) =>
  accepts(async (client) => (await client.subscribeAsync(to, { qos: 1 }))[0]?.qos === 1);

test("everyone reads WIS2's notifications and monitoring events, reads nothing else, and writes nothing", async () => {
  for (const read of ["origin/a/wis2/#", "monitor/a/wis2/+"]) expect(await subscribes(read), read).toBe(true);
  for (const refused of ["#", "v02/post/#", "+/a/wis2/#", "$share/group/origin/a/wis2/#"])
    expect(await subscribes(refused), refused).toBe(false);
  for (const qos of [1, 2] as const)
    expect(await accepts(async (client) => !!(await client.publishAsync(topic, "x", { qos })))).toBe(false);
  for (const others of [{ password: "else" }, { username: "", password: "" }])
    await expect(open(urls().tls, others)).rejects.toThrow(/Bad User Name or Password|[Nn]ot authorized/);
  const amqp = { hostname: "127.0.0.1", port: served.broker.amqpPort, ...login };
  const connection = await connect(amqp);
  for (const queue of ["q_anonymous.x", "cmc.x", "x"]) expect(await declareAnswer(connection, queue)).toBe("refused");
  await connection.close();
});

test("a monitor sees that it is served, with TLS", async () => {
  const metrics = new Metrics("monitor");
  watchMqtt(metrics, [{ server: "dd1", address: "127.0.0.1", port: served.ports.tls, tls: true }]);
  expect(await metrics.text()).toContain('warren_monitor_mqtt_served{server="dd1"} 1');
});

test("a session is bounded in time, messages and bytes, whatever its client asks for", async () => {
  const defaults = outsidersSchema.parse({});
  const properties = { sessionExpiryInterval: 0xffff_ffff };
  const options = { protocolVersion: 5 as const, ...login, ca: readFileSync(served.caFile), clean: false };
  const client = mqtt.connect(urls().tls, { ...options, clientId: "bounded", properties });
  cleanup.add(() => client.endAsync(true));
  const { properties: granted } = await connected(client);
  expect(granted?.sessionExpiryInterval).toBe(defaults.queueUnusedSeconds);
  await client.subscribeAsync(filter, { qos: 1 });
  await expect
    .poll(async () => readQueue(await served.api("queues/%2F/mqtt-subscription-boundedqos1")))
    .toMatchObject({ type: "classic", durable: true, consumers: 1 });
  await expect
    .poll(() => served.api("queues/%2F/mqtt-subscription-boundedqos1"), { timeout: 30_000 })
    .toMatchObject({
      effective_policy_definition: {
        "max-length": defaults.queueMessagesMax,
        "max-length-bytes": defaults.queueBytesMax,
        expires: defaults.queueUnusedSeconds * 1000,
      },
    });
});
