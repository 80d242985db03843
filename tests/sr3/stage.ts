import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ConfirmChannel, type ConsumeMessage, connect } from "amqplib";
import { deadLetterExchange } from "../../agents/lib/topology.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { Cleanup } from "../rigs/cleanup.ts";
import { type ProductServer, serveProducts } from "../rigs/product-server.ts";
import { TestedAgent } from "../rigs/tested-agent.ts";
import { installPython } from "./installation.ts";
import { Sr3, sr3AddressOf } from "./program.ts";

const arrivalTimeoutMs = 150_000;

/** What one run needs: a tree of files with its web server, sr3, agents as processes, and taps on the broker. */
export class Stage {
  readonly folder = mkdtempSync(path.join(tmpdir(), "warren-sr3-"));
  readonly tree: string = path.join(this.folder, "tree");
  readonly brokerUrl: string;
  readonly sr3Broker: string;
  sr3!: Sr3;
  server!: ProductServer;
  channel!: ConfirmChannel;
  readonly #broker: LocalBroker;
  readonly #cleanup = new Cleanup();
  readonly #agents = new Map<string, { agent: string; config: object; process: TestedAgent }>();

  private constructor(broker: LocalBroker) {
    this.#broker = broker;
    this.brokerUrl = broker.url;
    this.sr3Broker = sr3AddressOf(broker);
  }

  static async open(broker: LocalBroker): Promise<Stage> {
    const stage = new Stage(broker);
    stage.#cleanup.add(() => rmSync(stage.folder, { recursive: true }));
    try {
      await stage.#open();
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  async #open(): Promise<void> {
    mkdirSync(path.join(this.tree, "radar"), { recursive: true });
    writeFileSync(path.join(this.folder, "password"), this.#broker.adminPassword);
    this.server = await serveProducts(this.tree);
    this.#cleanup.add(() => this.server.close());
    const connection = await connect(this.brokerUrl);
    this.#cleanup.add(() => connection.close());
    this.channel = await connection.createConfirmChannel();
    this.sr3 = new Sr3(await installPython("sr3"), path.join(this.folder, "sr3"), this.brokerUrl);
    this.#cleanup.add(() => this.sr3.killAll());
    this.#cleanup.add(async () => {
      for (const { process } of this.#agents.values()) await process.kill();
    });
  }

  /** Ends everything that runs, and removes the folder. */
  async close(): Promise<void> {
    await this.#cleanup.run();
  }

  /** Starts an agent; resolves when it is ready. `config` without broker and metrics. */
  async start(agent: string, name: string, config: object): Promise<void> {
    const configFile = path.join(this.folder, `${name}.json`);
    const hosts = [`127.0.0.1:${this.#broker.amqpPort}`];
    const broker = { hosts, user: this.#broker.adminUser, passwordFile: "password" };
    writeFileSync(configFile, JSON.stringify({ broker, metrics: { port: 0 }, ...config }));
    const process = new TestedAgent({ agent, configFile, stateDirectory: path.join(this.folder, `state-${name}`) });
    this.#agents.set(name, { agent, config, process });
    await process.logged({ event: "ready" });
  }

  /** SIGKILL, then a start with the same config and state. `meanwhile` runs while the agent is dead. */
  async restart(name: string, meanwhile: () => void | Promise<void> = () => {}): Promise<void> {
    const started = this.#agents.get(name);
    if (!started) throw new Error(`no agent ${name}`);
    await started.process.kill();
    await meanwhile();
    await this.start(started.agent, name, started.config);
  }

  /** Moves files into the tree whose content is their path. sr3's `watch` announces a file that is still being written, too. */
  write(paths: readonly string[]): void {
    const unfinished = path.join(this.folder, "unfinished");
    for (const name of paths) {
      const file = path.join(this.tree, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(unfinished, name);
      renameSync(unfinished, file);
    }
  }

  /** Messages of an exchange from now on, which is declared: a list that grows. */
  async tap(exchange: string, pattern = "#"): Promise<readonly ConsumeMessage[]> {
    const messages: ConsumeMessage[] = [];
    await this.channel.assertExchange(exchange, "topic", { durable: true });
    const { queue } = await this.channel.assertQueue("", { exclusive: true });
    await this.channel.bindQueue(queue, exchange, pattern);
    await this.channel.consume(queue, (message) => message && messages.push(message), { noAck: true });
    return messages;
  }

  async tapDeadLetters(): Promise<readonly ConsumeMessage[]> {
    return this.tap(deadLetterExchange);
  }

  /** Waits for something, but not for ever: what is missing then is missing in the count. */
  async until(isThere: () => boolean): Promise<void> {
    await poll(isThere, { everyMs: 100, withinMs: arrivalTimeoutMs });
  }
}

/** Paths of the complete files below a folder, relative to it. A name that begins with a dot is unfinished. */
export function filesBelow(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
    return files.map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
  } catch {
    return [];
  }
}

/** Those whose content is not `expected`. */
export function withOtherContent(
  folder: string,
  names: readonly string[],
  expected: (name: string) => string,
): string[] {
  return names.filter((name) => readFileSync(path.join(folder, name), "utf8") !== expected(name));
}

/** How often each reason is there, e.g. of dead letters. */
export function reasonsOf(letters: readonly ConsumeMessage[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { properties } of letters) {
    const reason = String(properties.headers?.["x-dead-reason"]).replace(/:.*/s, "");
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}
