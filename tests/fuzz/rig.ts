import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConsumeMessage } from "amqplib";
import { type LogEvent, logEvents } from "../../agents/lib/log-events.ts";
import { poll } from "../../scripts/lib/poll.ts";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { Cleanup } from "../rigs/cleanup.ts";
import { type LogLine, TestedAgent } from "../rigs/tested-agent.ts";
import { Publishing } from "./amqp/publishing.ts";
import { RawConnection } from "./amqp/raw-connection.ts";

/** Without any change for this long, the agent is stuck. On a busy machine one message, or one scan of a folder, may take seconds. */
const standstillMs = 30_000;
/** An agent may log for ever: without progress for this long it is stuck as well. */
const progressMsMax = 100_000;
const pollMs = 50;
/** Limit of an agent's peak memory: Node itself needs a tenth of it. */
const memoryBytesMax = 768 * 1024 * 1024;
const linesKept = 1000;
const lostEvents: readonly unknown[] = [logEvents.brokerLost, logEvents.channelFailed] satisfies LogEvent[];

export type Owner = { readonly uid: number; readonly gid: number };

interface RigOptions {
  /** Undefined if the agent needs none. */
  readonly broker: LocalBroker | undefined;
  readonly name: string;
  readonly signal: AbortSignal;
  /** The user that runs the agent and owns its folders; undefined: the user of this process. */
  readonly owner?: Owner | undefined;
}

/** A folder, a vhost on a broker, an agent's process, and its input and output. */
export class Rig {
  readonly folder: string;
  readonly vhost: string;
  readonly cleanup = new Cleanup();
  readonly publishing: Publishing;
  readonly #options: RigOptions;
  #reader: RawConnection | undefined;
  #agent: TestedAgent | undefined;
  #seen = 0;
  #linesRead = 0;
  #wasKilled = false;
  readonly #lost: string[] = [];

  /** The caller must run `cleanup`, even if `open` rejects. */
  constructor(options: RigOptions) {
    this.#options = options;
    this.vhost = `fuzz-${options.name}`;
    this.publishing = new Publishing(() => this.connect(), options.signal);
    this.folder = mkdtempSync(join(tmpdir(), `warren-${this.vhost}-`));
    this.give(this.folder);
    // It may be deeper than PATH_MAX: Node's rm uses paths and can't remove it.
    this.cleanup.add(() => execFileSync("rm", ["-rf", this.folder]));
  }

  /** Makes the vhost and connects to it. */
  async open(): Promise<void> {
    const password = join(this.folder, "password");
    writeFileSync(password, this.broker.adminPassword, { mode: 0o600 });
    this.give(password);
    await this.management("PUT");
    this.cleanup.add(() => this.management("DELETE"));
    this.#reader = await this.connect();
  }

  get broker(): LocalBroker {
    if (!this.#options.broker) throw new Error(`${this.#options.name} has no broker`);
    return this.#options.broker;
  }

  get agent(): TestedAgent {
    if (!this.#agent) throw new Error("no agent was started");
    return this.#agent;
  }

  /** An agent's `broker` setting. */
  get brokerSettings() {
    const { amqpPort, adminUser: user } = this.broker;
    const passwordFile = join(this.folder, "password");
    return { hosts: [`127.0.0.1:${amqpPort}`], vhost: this.vhost, user, passwordFile, reconnectDelayMaxMs: 300 };
  }

  /** Makes the agent's user the owner of a path. */
  give(path: string): void {
    const { owner } = this.#options;
    if (owner) chownSync(path, owner.uid, owner.gid);
  }

  /** Makes a folder below the rig's, owned by the agent's user. @returns its path */
  makeFolder(...names: readonly string[]): string {
    let path = this.folder;
    for (const name of names) {
      path = join(path, name);
      mkdirSync(path, { recursive: true });
      this.give(path);
    }
    return path;
  }

  async connect(): Promise<RawConnection> {
    const { amqpPort: port, adminUser: user, adminPassword: password } = this.broker;
    const connection = await RawConnection.open({ port, vhost: this.vhost, user, password });
    this.cleanup.add(() => connection.close());
    return connection;
  }

  /** Declares an exchange and a queue bound with these patterns, and consumes the queue. */
  async collect(
    queue: string,
    exchange: string,
    patterns: readonly string[],
    onMessage: (message: ConsumeMessage) => void,
  ): Promise<void> {
    const reader = this.#reader;
    if (!reader) throw new Error(`${this.#options.name} has no connection: call open() first`);
    await reader.channel.assertExchange(exchange, "topic");
    await reader.channel.assertQueue(queue);
    for (const pattern of patterns) await reader.channel.bindQueue(queue, exchange, pattern);
    await reader.consume(queue, (message) => {
      this.#seen += 1;
      onMessage(message);
    });
  }

  /** Starts the agent and waits until it is ready. */
  async start(agent: string, config: object): Promise<void> {
    const configFile = join(this.folder, `${agent}.json`);
    writeFileSync(configFile, JSON.stringify({ ...config, metrics: { port: 0 } }));
    const { owner } = this.#options;
    const before = owner ? ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--clear-groups", "--"] : [];
    const process = new TestedAgent({ agent, configFile, stateDirectory: this.makeFolder("state"), before });
    this.#agent = process;
    this.cleanup.add(() => process.kill());
    await process.logged({ event: "ready" });
  }

  /** Waits until `waiting` is 0, or until it, `moves` and the collected messages stop changing. @returns the reason in the second case */
  async until(waiting: () => number | Promise<number>, moves: () => unknown = () => ""): Promise<string | undefined> {
    let [countBefore, before] = [-1, ""];
    let [countMs, movedMs] = [0, 0];
    const ask = async (): Promise<{ readonly stopped?: string } | undefined> => {
      if (this.#failure !== undefined) return { stopped: this.#failure };
      const count = await waiting();
      this.#readLines();
      if (count === 0) return {};
      const now = `${count} ${this.#seen} ${moves()}`;
      const nowMs = performance.now();
      if (now !== before) movedMs = nowMs;
      if (count !== countBefore) countMs = nowMs;
      [before, countBefore] = [now, count];
      if (nowMs - movedMs <= standstillMs && nowMs - countMs <= progressMsMax) return undefined;
      return {
        stopped: `no progress for ${Math.round((nowMs - countMs) / 1000)} s, ${count} left; ${this.#lastLines}`,
      };
    };
    const stopped = (await poll(ask, { everyMs: pollMs, signal: this.#options.signal }))?.stopped;
    if (this.#reader?.closedBy === undefined) await this.#reader?.roundTrip();
    return stopped;
  }

  /** The number of messages in a queue, with unacknowledged ones, after the broker has confirmed all messages sent. */
  async messagesIn(queue: string): Promise<number> {
    await this.publishing.sent();
    return this.broker.messagesIn(queue, this.vhost);
  }

  /** Kills the agent. @returns the messages left in the queue: those that it had not acknowledged are marked as redelivered */
  async leftIn(queue: string): Promise<readonly ConsumeMessage[]> {
    this.#wasKilled = true;
    await this.agent.kill();
    const left: ConsumeMessage[] = [];
    const reader = await this.connect();
    await reader.consume(queue, (message) => left.push(message));
    await poll(async () => (await this.messagesIn(queue)) === 0, { everyMs: pollMs });
    await reader.roundTrip();
    return left;
  }

  /** Problems of the agent's process after all inputs are settled: exit, memory, lost connections. */
  faults(): string[] {
    // The reason for the kill is already a finding.
    if (this.#wasKilled) return [];
    if (this.#failure !== undefined) return [this.#failure];
    const status = readFileSync(`/proc/${this.agent.pid}/status`, "utf8");
    const peakBytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    this.#readLines();
    return [
      ...(peakBytes > memoryBytesMax ? [`the agent used ${Math.round(peakBytes / 1e6)} MB of memory`] : []),
      ...this.#lost.slice(0, 1).map((line) => `the agent lost its connection ${this.#lost.length} times: ${line}`),
    ];
  }

  /** Reads, makes or removes the vhost through the broker's management API. @throws Error if the API refuses */
  async management(method: "GET" | "PUT" | "DELETE", path = "vhosts", query = ""): Promise<unknown> {
    const { managementUrl, adminUser, adminPassword } = this.broker;
    const authorization = `Basic ${Buffer.from(`${adminUser}:${adminPassword}`).toString("base64")}`;
    const url = `${managementUrl}/api/${path}/${encodeURIComponent(this.vhost)}${query}`;
    const answer = await fetch(url, { method, headers: { authorization, "content-type": "application/json" } });
    if (!answer.ok) throw new Error(`${url}: the broker answered ${answer.status}`);
    return method === "GET" ? answer.json() : undefined;
  }

  /** Number of lines that the agent had logged at the last poll. */
  linesSeen = 0;
  /** Called with each line. */
  onLine: (line: LogLine) => void = () => {};

  /** Drops old lines: a million messages would log too many to keep. */
  #readLines(): void {
    const { lines } = this.agent;
    for (const line of lines.slice(this.#linesRead)) {
      if (lostEvents.includes(line.event)) this.#lost.push(JSON.stringify(line).slice(0, 400));
      this.onLine(line);
      this.linesSeen += 1;
    }
    lines.splice(0, lines.length - linesKept);
    this.#linesRead = lines.length;
  }

  get #failure(): string | undefined {
    const { exitCode } = this.agent;
    return exitCode === undefined ? undefined : `the agent exited (${exitCode}); ${this.#lastLines}`;
  }

  get #lastLines(): string {
    const lines = this.agent.lines.slice(-3).map((line) => JSON.stringify(line).slice(0, 600));
    return `its last lines: ${lines.join(" | ")}`;
  }
}
