import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { logEvents } from "../../../agents/lib/log-events.ts";
import { deadLetterExchange, deadLetterQueue } from "../../../agents/lib/topology.ts";
import { poll } from "../../../scripts/lib/poll.ts";
import type { LocalBroker } from "../../../scripts/traffic/local-broker.ts";
import { Cleanup } from "../../rigs/cleanup.ts";
import { TestedAgent } from "../../rigs/tested-agent.ts";
import { RawConnection } from "../amqp/connection.ts";
import type { RawDelivery, RawMessage } from "../amqp/content.ts";

const inFlightMax = 400;
/** Nothing leaves a queue for so long: it stands still. On a busy machine an agent may take some seconds for one message. */
const standstillMs = 20_000;
const pollMs = 50;
/** For what may move for ever, as lines of a log do. */
const untilMsMax = 200_000;
/** What an agent may take at its peak, all in all: Node itself takes a tenth of it. */
const memoryBytesMax = 768 * 1024 * 1024;
const linesKept = 1000;
const lostEvents: readonly unknown[] = [logEvents.brokerLost, logEvents.channelFailed];

/** How a queue was left: settled, or not, and why. */
export type Settling = "settled" | { readonly stopped: string };

/** A vhost of its own on a broker, an agent as a process of its own, and bytes to and from it. */
export class MessageRig {
  readonly folder: string;
  readonly vhost: string;
  readonly cleanup = new Cleanup();
  /** The broker's reasons for what it did not take, by index of the message. */
  readonly refusedByBroker = new Map<number, string>();
  readonly #broker: LocalBroker;
  readonly #signal: AbortSignal;
  #onDelivery: (delivery: RawDelivery) => void = () => {};
  #sender!: RawConnection;
  #reader!: RawConnection;
  #careful: RawConnection | undefined;
  #agent: TestedAgent | undefined;
  #sending = new Set<Promise<void>>();
  #seen = 0;
  #linesRead = 0;
  #linesSeen = 0;
  #wasKilled = false;
  #sendFault: string | undefined;
  readonly #lost: string[] = [];

  static async open(broker: LocalBroker, name: string, signal: AbortSignal): Promise<MessageRig> {
    const folder = await mkdtemp(join(tmpdir(), `warren-fuzz-${name}-`));
    const rig = new MessageRig(broker, `fuzz-${name}`, folder, signal);
    rig.cleanup.add(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, "password"), broker.adminPassword, { mode: 0o600 });
    await rig.#management("PUT");
    rig.cleanup.add(() => rig.#management("DELETE"));
    rig.#sender = await rig.connect();
    rig.#reader = await rig.connect();
    await rig.#sender.declareExchange(deadLetterExchange);
    await rig.#sender.declareQueue(deadLetterQueue);
    await rig.#sender.bindQueue(deadLetterQueue, deadLetterExchange, "#");
    await rig.#reader.consume(deadLetterQueue);
    return rig;
  }

  private constructor(broker: LocalBroker, vhost: string, folder: string, signal: AbortSignal) {
    this.#broker = broker;
    this.vhost = vhost;
    this.folder = folder;
    this.#signal = signal;
  }

  /** An agent's `broker`. */
  get brokerSettings() {
    const { amqpPort, adminUser: user } = this.#broker;
    const passwordFile = join(this.folder, "password");
    return { hosts: [`127.0.0.1:${amqpPort}`], vhost: this.vhost, user, passwordFile, reconnectDelayMaxMs: 300 };
  }

  get broker(): LocalBroker {
    return this.#broker;
  }

  get agent(): TestedAgent {
    if (!this.#agent) throw new Error("no agent was started");
    return this.#agent;
  }

  async connect(): Promise<RawConnection> {
    const { amqpPort: port, adminUser: user, adminPassword: password } = this.#broker;
    const onDelivery = (delivery: RawDelivery): void => {
      this.#seen += 1;
      this.#onDelivery(delivery);
    };
    const connection = await RawConnection.open({ port, vhost: this.vhost, user, password, onDelivery });
    this.cleanup.add(() => connection.destroy());
    return connection;
  }

  /** Declares a queue, and has all that comes into it told. */
  async collect(queue: string, exchange: string, patterns: readonly string[]): Promise<void> {
    await this.#sender.declareExchange(exchange);
    await this.#sender.declareQueue(queue);
    for (const pattern of patterns) await this.#sender.bindQueue(queue, exchange, pattern);
    await this.#reader.consume(queue);
  }

  /** Who is told of what comes, dead letters too. */
  hear(onDelivery: (delivery: RawDelivery) => void): void {
    this.#onDelivery = onDelivery;
  }

  /** Resolves when the agent is ready. */
  async start(agent: string, config: object): Promise<void> {
    const configFile = join(this.folder, `${agent}.json`);
    await writeFile(configFile, JSON.stringify({ ...config, metrics: { port: 0 } }));
    const process = new TestedAgent({ agent, configFile, stateDirectory: join(this.folder, "state") });
    this.#agent = process;
    this.cleanup.add(() => process.kill());
    await process.logged({ event: "ready" });
  }

  /** Resolves when another one may be sent. What the broker may close a connection over goes by one of its own, and alone. */
  async send(index: number, message: RawMessage, isRisky: boolean): Promise<void> {
    this.#signal.throwIfAborted();
    if (isRisky) {
      if (this.#careful === undefined || this.#careful.closedBy !== undefined) this.#careful = await this.connect();
      const outcome = await this.#careful.publish(message);
      if (typeof outcome === "object") this.refusedByBroker.set(index, outcome.refused);
      return;
    }
    const sending: Promise<void> = this.#sender.publish(message).then((outcome) => {
      this.#sending.delete(sending);
      if (typeof outcome === "object") this.#sendFault ??= `message ${index}: ${outcome.refused}`;
    });
    this.#sending.add(sending);
    while (this.#sending.size >= inFlightMax) await Promise.race(this.#sending);
    this.#checkSent();
  }

  /** Resolves when the broker has confirmed all that was sent. */
  async sent(): Promise<void> {
    await Promise.all(this.#sending);
    this.#checkSent();
  }

  /** What the broker refuses has to be marked as risky where it is made. */
  #checkSent(): void {
    if (this.#sendFault !== undefined)
      throw new Error(`the broker closed the connection that sends: ${this.#sendFault}`);
  }

  /** Resolves when at most so many messages are in the queue or in the agent's hands, or when nothing moves any more. */
  async settled(queue: string, left = 0): Promise<Settling> {
    await this.sent();
    const settling = await this.until(async () => Math.max(0, (await this.#messagesIn(queue)) - left));
    await this.#reader.roundTrip();
    return settling;
  }

  /**
   * Resolves when `waiting` is 0, or when neither that nor anything that comes from the agent changes any more: messages, lines of its log where
   * `byLines` says so.
   */
  async until(waiting: () => number | Promise<number>, { byLines = false } = {}): Promise<Settling> {
    let before = "";
    const beganMs = performance.now();
    let movedMs = beganMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const failure = this.#failure();
      if (failure !== undefined) return { stopped: failure };
      const count = await waiting();
      this.#forgetLines();
      if (count === 0) return "settled";
      const now = `${count} ${this.#seen} ${byLines ? this.#linesSeen : ""}`;
      if (now !== before) movedMs = performance.now();
      before = now;
      const nowMs = performance.now();
      if (nowMs - movedMs > standstillMs || nowMs - beganMs > untilMsMax) {
        const seconds = Math.round((nowMs - movedMs) / 1000);
        return { stopped: `nothing moved for ${seconds} s, ${count} left; last lines: ${this.lastLines(3)}` };
      }
      await sleep(pollMs, undefined, { signal: this.#signal });
    }
  }

  /** Kills the agent, and tells what it left in the queue: what it had in hand comes marked as given out again. */
  async leftIn(queue: string): Promise<readonly RawDelivery[]> {
    this.#wasKilled = true;
    await this.agent.kill();
    const left: RawDelivery[] = [];
    this.hear((delivery) => left.push(delivery));
    const reader = await this.connect();
    await reader.consume(queue);
    let before = -1;
    const isAllHere = async () => {
      await reader.roundTrip();
      const isStill = before === left.length;
      before = left.length;
      return isStill && (await this.#messagesIn(queue)) === 0;
    };
    await poll(isAllHere, { everyMs: pollMs });
    return left;
  }

  /** What is wrong with the agent's process now that all is settled: memory, lost connections. */
  async faults(): Promise<string[]> {
    // Why it had to be killed is a finding already.
    if (this.#wasKilled) return [];
    const failure = this.#failure();
    if (failure !== undefined) return [failure];
    const status = await readFile(`/proc/${this.agent.pid}/status`, "utf8");
    const peakBytes = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    const faults: string[] = [];
    if (peakBytes > memoryBytesMax) faults.push(`the agent took ${Math.round(peakBytes / 1e6)} MB of memory`);
    this.#forgetLines();
    if (this.#lost.length > 0)
      faults.push(`the agent lost its connection ${this.#lost.length} times: ${this.#lost[0]}`);
    return faults;
  }

  /** Of a million messages not all lines can be kept. */
  #forgetLines(): void {
    const { lines } = this.agent;
    for (const line of lines.slice(this.#linesRead)) {
      if (lostEvents.includes(line.event)) this.#lost.push(JSON.stringify(line).slice(0, 400));
    }
    this.#linesSeen += lines.length - this.#linesRead;
    lines.splice(0, lines.length - linesKept);
    this.#linesRead = lines.length;
  }

  #failure(): string | undefined {
    const { exitCode } = this.agent;
    return exitCode === undefined ? undefined : `the agent ended (${exitCode}); its last lines: ${this.lastLines(3)}`;
  }

  lastLines(count: number): string {
    return this.agent.lines
      .slice(-count)
      .map((line) => JSON.stringify(line).slice(0, 600))
      .join(" | ");
  }

  async #messagesIn(queue: string): Promise<number> {
    const lookup = `rabbit_amqqueue:lookup(rabbit_misc:r(<<"${this.vhost}">>, queue, <<"${queue}">>))`;
    const answer = await this.#broker.evaluate(
      `begin {ok, Q} = ${lookup}, [{messages, N}] = rabbit_amqqueue:info(Q, [messages]), N end`,
    );
    const count = /^\{ok,(\d+)\}$/.exec(answer)?.[1];
    if (count === undefined) throw new Error(`queue ${queue}: the broker answers ${answer}`);
    return Number(count);
  }

  /** Which of these queues the broker has, as its management API writes them. */
  async queueNames(wanted: readonly { readonly name: Buffer }[]): Promise<string[]> {
    const answer = await this.#management("GET", `/api/queues/${encodeURIComponent(this.vhost)}?columns=name`);
    const there = new Set(((await answer.json()) as { name: string }[]).map(({ name }) => name));
    return wanted.map(({ name }) => name.toString()).filter((name) => there.has(name));
  }

  async #management(method: "GET" | "PUT" | "DELETE", path = `/api/vhosts/${encodeURIComponent(this.vhost)}`) {
    const { managementUrl, adminUser, adminPassword } = this.#broker;
    const authorization = `Basic ${Buffer.from(`${adminUser}:${adminPassword}`).toString("base64")}`;
    const headers = { authorization, "content-type": "application/json" };
    const answer = await fetch(managementUrl + path, { method, headers });
    if (!answer.ok) throw new Error(`${path}: the broker answers ${answer.status}`);
    return answer;
  }
}
