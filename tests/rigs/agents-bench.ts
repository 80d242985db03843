import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect } from "vitest";
import { productKey } from "../../agents/lib/announcement.ts";
import { type BrokerSession, openBrokerSession } from "../../agents/lib/broker-session.ts";
import { brokerConfig } from "../../agents/lib/config.ts";
import { consume } from "../../agents/lib/consumer.ts";
import { healthSchema } from "../../agents/lib/health.ts";
import type { Message } from "../../agents/lib/subscription.ts";
import { deadLetterTopology, joinTopologies } from "../../agents/lib/topology.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { AgentProcess, type AgentSpec } from "./agent-process.ts";
import { Cleanup } from "./cleanup.ts";
import { RadarServer } from "./radar-server.ts";

const log = pino({ level: "silent" });
const topic = "20150120.RADAR.URP.IWA";
/** Shorter than the agents' defaults, except where a busy machine would look like a hanging server. */
const settings = {
  connectTimeoutMs: 60_000,
  pullTimeoutMs: 60_000,
  retryDelayMinMs: 10,
  retryDelayMaxMs: 20,
  retriesMax: 4,
  notFoundRetriesMax: 4,
  triesBeforeAlternate: 2,
  originProbeMinMs: 100,
  originProbeMaxMs: 200,
};

/** Two radar servers, a broker, and pullers and dispatchers as processes. New for each test, except the broker. */
export class Bench {
  readonly urp1 = new RadarServer(1);
  readonly urp2 = new RadarServer(2);
  readonly #broker: LocalBroker;
  readonly #folder = mkdtempSync(join(tmpdir(), "warren-alternates-"));
  readonly #cleanup = new Cleanup();
  readonly #pullers: string[] = [];
  readonly #prefix: string;
  #session: BrokerSession | undefined;

  constructor(broker: LocalBroker, count: number) {
    this.#broker = broker;
    this.#prefix = `cmc.t${count}`;
    writeFileSync(join(this.#folder, "password"), broker.adminPassword);
  }

  /** Starts the servers, and declares the pull queue as a dispatcher does. */
  async open(): Promise<void> {
    this.#cleanup.add(() => rmSync(this.#folder, { recursive: true }));
    for (const server of [this.urp1, this.urp2]) {
      await server.start();
      this.#cleanup.add(() => server.die());
    }
    const bindings = ["v00.urp.notify.#", "v00.urp.twin.#"].map((pattern) => ({ exchange: this.#prefix, pattern }));
    const topology = joinTopologies(deadLetterTopology, {
      exchanges: [{ name: this.#prefix, type: "topic" }],
      queues: [{ name: `${this.#prefix}.pull`, bindings }],
    });
    const config = brokerConfig.parse(this.#brokerSettings);
    const session = openBrokerSession({ config, log, name: "test", topology });
    this.#cleanup.add(() => session.close());
    this.#session = session;
    await session.ready();
  }

  close(): Promise<void> {
    return this.#cleanup.run();
  }

  get session(): BrokerSession {
    if (!this.#session) throw new Error("the bench is not open");
    return this.#session;
  }

  async startPuller(name: string, own: object = {}): Promise<AgentProcess> {
    const receiverQueueDirectory = this.folderOf(name);
    mkdirSync(receiverQueueDirectory, { recursive: true });
    this.#pullers.push(name);
    const queue = `${this.#prefix}.pull`;
    return this.#start("puller", name, { queue, receiverQueueDirectory, ...settings, ...own });
  }

  startDispatcher(own: object = {}): Promise<AgentProcess> {
    const names = { inputQueue: `${this.#prefix}.input`, ledgerQueue: `${this.#prefix}.ledger` };
    return this.#start("dispatcher", "dispatcher", { ...names, outputQueues: [`${this.#prefix}.pull`], ...own });
  }

  async #start(agent: AgentSpec["agent"], name: string, own: object): Promise<AgentProcess> {
    const config = { broker: this.#brokerSettings, metrics: { port: 0 }, exchange: this.#prefix, ...own };
    const process = new AgentProcess({ name, agent, config }, this.#folder);
    this.#cleanup.add(() => process.stop());
    await process.start();
    return process;
  }

  get #brokerSettings() {
    return this.brokerSettingsVia(this.#broker.amqpPort);
  }

  get exchange(): string {
    return this.#prefix;
  }

  /** An agent's `broker`, with another port. */
  brokerSettingsVia(port: number) {
    const hosts = [`127.0.0.1:${port}`];
    const passwordFile = join(this.#folder, "password");
    return { hosts, user: this.#broker.adminUser, passwordFile, reconnectDelayMaxMs: 300 };
  }

  /** Collects messages with these topics from now on. */
  async listen(queue: string, patterns: readonly string[]): Promise<Message[]> {
    const heard: Message[] = [];
    const exchange = this.#prefix;
    const bindings = patterns.map((pattern) => ({ exchange, pattern }));
    const topology = { exchanges: [], queues: [{ name: `${this.#prefix}.${queue}`, bindings }] };
    await this.#hear(topology, `${this.#prefix}.${queue}`, heard);
    return heard;
  }

  /** Collects dead letters from now on. */
  async listenToDead(): Promise<Message[]> {
    const heard: Message[] = [];
    await this.#hear(deadLetterTopology, "cmc.urp.dead", heard);
    return heard;
  }

  async #hear(topology: typeof deadLetterTopology, queue: string, heard: Message[]): Promise<void> {
    const session = openBrokerSession({ config: brokerConfig.parse(this.#brokerSettings), log, name: "ear", topology });
    this.#cleanup.add(() => session.close());
    const handle = (delivery: Message) => {
      heard.push(delivery);
      return "ack" as const;
    };
    consume({ session, queue, prefetch: 100, log, agent: "test", handle });
    await session.ready();
  }

  /** Publishes a product's announcement by this server, e.g. under `input`. Resolves when it is confirmed. */
  async announce(kind: "input" | "notify" | "twin", server: RadarServer, product: string, headers = {}): Promise<void> {
    const body = server.announcementOf(product);
    const options = { headers, timestampSeconds: Math.ceil(Date.now() / 1000) };
    const outcome = await this.session.publish(this.#prefix, `v00.urp.${kind}.${topic}`, body, options);
    if (outcome !== "confirmed") throw new Error(`the announcement of ${product} was ${outcome}`);
  }

  /** A puller's receiver queue. */
  folderOf(puller: string): string {
    return join(this.#folder, `rxq-${puller}`);
  }

  /** Complete products in all folders, with the server of each. A product in two folders is listed twice. */
  get products(): { product: string; urp: number }[] {
    return this.#pullers.flatMap((name) => this.productsOf(name));
  }

  /** The same for one puller. */
  productsOf(puller: string): { product: string; urp: number }[] {
    const directory = this.folderOf(puller);
    const files = readdirSync(directory).filter((file) => !file.startsWith("."));
    return files.map((file) => {
      const server = file === this.urp1.fileOf(productOf(file)) ? this.urp1 : this.urp2;
      expect(readFileSync(join(directory, file)).equals(server.contentOf(file)), file).toBe(true);
      return { product: productOf(file), urp: server.urp };
    });
  }

  /** With unacknowledged messages. */
  pullQueueLength(): Promise<number> {
    return this.#broker.messagesIn(`${this.#prefix}.pull`);
  }

  /** Text of an agent's `/health` or `/metrics`. */
  async ask(agent: AgentProcess, path: "health" | "metrics"): Promise<string> {
    // The port differs after each start.
    const port = [...readFileSync(agent.logFile, "utf8").matchAll(/"metricsPort":(\d+)/g)].at(-1)?.[1];
    const text = await (await fetch(`http://127.0.0.1:${port}/${path}`)).text();
    if (path === "health") healthSchema.strict().parse(JSON.parse(text));
    return text;
  }
}

export function keyOf(product: string): string {
  return productKey(`${product}:URP:IWA:RADAR:META::x`);
}

function productOf(file: string): string {
  return file.slice(0, file.indexOf(":"));
}
