import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { UserError } from "../../agents/lib/errors.ts";
import { poll } from "../lib/poll.ts";
import { answersAmqp } from "./amqp-probe.ts";
import { evaluateIn } from "./broker-evaluate.ts";
import { freePort } from "./free-port.ts";
import { areThreadsStopped, startSweeper, vmCommand } from "./local-broker-process.ts";
import { findRabbitmqBinaries, type RabbitmqBinaries } from "./rabbitmq-binaries.ts";

export interface LocalBrokerOptions {
  /** Ports to use, an error if one is in use; by default free ports. */
  readonly amqpPort?: number;
  readonly managementPort?: number;
  /** The only user, an administrator with all permissions on vhost `/`. */
  readonly adminUser?: string;
  /** Random by default. */
  readonly adminPassword?: string;
  /** A log file outside the broker's folder, which outlives `stop()`. By default the log is removed with the folder. */
  readonly logFile?: string;
  /** AMQP over TLS as well, on a separate port. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** RabbitMQ's plugins, in addition to the management API. */
  readonly plugins?: readonly string[];
  /** The complete configuration instead of a plain one, for tests of it. Its listeners must have these ports. */
  readonly configuration?: (ports: LocalBrokerPorts) => string;
  /** Form of `configuration`; default: `rabbitmq.config`. */
  readonly configurationName?: "rabbitmq.config" | "rabbitmq.conf";
  /** Default: those of this machine. */
  readonly binaries?: RabbitmqBinaries;
  readonly bootTimeoutMs?: number;
  readonly onProgress?: (text: string) => void;
}

export interface LocalBrokerPorts {
  readonly amqp: number;
  /** 0 without `tls`. */
  readonly amqps: number;
  readonly management: number;
}

/** Milliseconds for the start. It takes two seconds on an idle machine; this allows for a busy one. */
const bootTimeoutMsDefault = 110_000;
const probeIntervalMs = 50;
/** The broker's memory limit before it blocks publishers; an Erlang term. */
const memoryLimit = '{absolute, "512MB"}';
const startAttemptsMax = 3;

/**
 * Starts RabbitMQ as an ordinary process of this user, in a temporary folder, listening on 127.0.0.1 only, with the
 * management API and without Erlang distribution (so no epmd, no cookie, no fixed port, and no rabbitmqctl: use the
 * API). Resolves when it answers AMQP. Two seconds on an idle machine of two cores, four on a busy one.
 *
 * If this process ends without `stop()`, in any way, the broker is killed and its folder removed.
 */
export async function startLocalBroker(options: LocalBrokerOptions = {}): Promise<LocalBroker> {
  const binaries = options.binaries ?? (await findRabbitmqBinaries(options.onProgress));
  const directory = await mkdtemp(path.join(tmpdir(), "warren-broker-"));
  const broker = new LocalBroker(binaries, directory, options);
  try {
    await broker.start();
  } catch (error) {
    await broker.stop();
    throw error;
  }
  return broker;
}

/** A broker and its data folder. It can be killed and started again until `stop()`. */
export class LocalBroker {
  readonly version: string;
  readonly adminUser: string;
  readonly adminPassword: string;
  readonly logFile: string;
  readonly #binaries: RabbitmqBinaries;
  readonly #directory: string;
  readonly #options: LocalBrokerOptions;
  readonly #sweeper: ChildProcess;
  #amqpPort = 0;
  #managementPort = 0;
  #tlsPort = 0;
  #process: ChildProcess | undefined;

  constructor(binaries: RabbitmqBinaries, directory: string, options: LocalBrokerOptions) {
    this.version = binaries.version;
    this.adminUser = options.adminUser ?? "warren";
    this.adminPassword = options.adminPassword ?? randomBytes(12).toString("hex");
    this.logFile = options.logFile ?? path.join(directory, "broker.log");
    this.#binaries = binaries;
    this.#directory = directory;
    this.#options = options;
    this.#sweeper = startSweeper(directory);
  }

  get amqpPort(): number {
    return this.#amqpPort;
  }

  /** 0 without `tls`. */
  get tlsPort(): number {
    return this.#tlsPort;
  }

  /** `amqp://user:password@127.0.0.1:port/`; vhost `/` is the default one. */
  get url(): string {
    return `amqp://${encodeURIComponent(this.adminUser)}:${encodeURIComponent(this.adminPassword)}@127.0.0.1:${this.#amqpPort}/`;
  }

  /** `http://127.0.0.1:port`, without credentials and without a trailing slash. */
  get managementUrl(): string {
    return `http://127.0.0.1:${this.#managementPort}`;
  }

  /** The Erlang VM's process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it with the same data and ports as before; resolves when it answers AMQP. */
  async start(): Promise<void> {
    if (this.#process) throw new Error("the local broker is already running");
    for (let attempt = 1; ; attempt++) {
      if (!this.#amqpPort || attempt > 1) {
        this.#amqpPort = await freePort(this.#options.amqpPort);
        this.#managementPort = await freePort(this.#options.managementPort);
        if (this.#options.tls) this.#tlsPort = await freePort();
      }
      const trouble = await this.#boot();
      if (!trouble) return;
      // Another process may take a port between our check and the broker's start: try a few times.
      if (/eaddrinuse|already in use/i.test(trouble) && attempt < startAttemptsMax) continue;
      throw new UserError("local broker", `did not start:\n${trouble}`, "the lines above are the end of its log");
    }
  }

  /** Writes the configuration and runs the VM until it answers AMQP. Returns the reason of a failure, with the end of the log. */
  async #boot(): Promise<string | undefined> {
    await this.#writeConfiguration();
    const log = openSync(this.logFile, "a");
    const { command, argv, env } = vmCommand(this.#binaries, this.#directory);
    const child = spawn(command, argv, { env, cwd: this.#directory, detached: true, stdio: ["ignore", log, log] });
    closeSync(log);
    this.#process = child;
    child.once("exit", () => {
      this.#process = undefined;
      if (this.#sweeper.stdin?.writable) this.#sweeper.stdin.write("\n");
    });
    await once(child, "spawn");
    this.#sweeper.stdin?.write(`${child.pid}\n`);
    const timeoutMs = this.#options.bootTimeoutMs ?? bootTimeoutMsDefault;
    const asked = async () => (this.#process ? (await answersAmqp("127.0.0.1", this.#amqpPort)) && "answers" : "ended");
    if ((await poll(asked, { everyMs: probeIntervalMs, withinMs: timeoutMs })) === "answers") return undefined;
    const what = this.#process ? `no answer within ${timeoutMs / 1000} s` : "it exited";
    await this.kill();
    return `${await lastLines(this.logFile, 15)}\n${what}`;
  }

  /**
   * Evaluates Erlang in the running broker, as `rabbitmqctl eval` would, which needs Erlang distribution; `expression` without its final dot.
   * Resolves to its value, as Erlang prints it. For faults that no API can cause, such as an alarm.
   */
  async evaluate(expression: string): Promise<string> {
    try {
      return await evaluateIn(this.#directory, expression, () => this.#process !== undefined);
    } catch (error) {
      throw new Error(`${(error as Error).message}; its log ends:\n${await lastLines(this.logFile, 15)}`);
    }
  }

  /** Ready and unacknowledged messages of a queue, from the queue's process: the API's count lags. */
  async messagesIn(queue: string, vhost = "/"): Promise<number> {
    const lookup = `rabbit_amqqueue:lookup(rabbit_misc:r(<<"${vhost}">>, queue, <<"${queue}">>))`;
    const info = "rabbit_amqqueue:info(Q, [messages])";
    const answer = await this.evaluate(`begin {ok, Q} = ${lookup}, [{messages, N}] = ${info}, N end`);
    const count = /^\{ok,(\d+)\}$/.exec(answer)?.[1];
    if (count === undefined) throw new Error(`queue ${queue}: the broker answered ${answer}`);
    return Number(count);
  }

  /**
   * Flushes declarations to disk: a kill up to two seconds later would lose them. The log is no proof, as a queue's entry does not count
   * before the entry that commits it, which may be written later.
   */
  async keepDeclared(): Promise<void> {
    const answer = await this.evaluate("mnesia:dump_log()");
    if (answer !== "{ok,dumped}") throw new Error(`the local broker kept nothing: ${answer}`);
  }

  /** Blocks publishers by a memory alarm while some work runs. A client gets `connection.blocked` when it publishes, not before. */
  async withMemoryAlarm<T>(work: () => Promise<T>): Promise<T> {
    const limit = (value: string) => this.evaluate(`vm_memory_monitor:set_vm_memory_high_watermark(${value})`);
    await limit("0.0001");
    try {
      return await work();
    } finally {
      await limit(memoryLimit);
    }
  }

  /** Freezes the broker while some work runs: sockets stay open, and nothing answers. */
  async whileFrozen<T>(work: () => Promise<T>): Promise<T> {
    const { pid } = this;
    if (pid === undefined) throw new Error("the local broker is not running");
    process.kill(pid, "SIGSTOP");
    try {
      // Each thread stops when it is next scheduled, which takes a while on a busy machine.
      await poll(() => areThreadsStopped(pid), { everyMs: 1 });
      return await work();
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }

  /** Kills it by SIGKILL, like a power cut: clients see their connections reset. Data stays for `start()`. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Clean shutdown (about six seconds): clients get `CONNECTION_FORCED`. Data stays for `start()`. */
  async shutdown(): Promise<void> {
    await this.#end("SIGTERM");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  /** Kills it and removes its folder. Safe to call twice. */
  async stop(): Promise<void> {
    await this.kill();
    if (this.#sweeper.exitCode !== null) return;
    const ended = once(this.#sweeper, "exit");
    this.#sweeper.stdin?.end();
    await ended;
  }

  async #writeConfiguration(): Promise<void> {
    const text = (value: string) => `<<${JSON.stringify(value)}/utf8>>`;
    const { tls } = this.#options;
    const tlsSettings = tls
      ? `
    {ssl_listeners, [{"127.0.0.1", ${this.#tlsPort}}]},
    {ssl_options, [{certfile, ${JSON.stringify(tls.certificateFile)}}, {keyfile, ${JSON.stringify(tls.keyFile)}}]},`
      : "";
    const ports = { amqp: this.#amqpPort, amqps: this.#tlsPort, management: this.#managementPort };
    const plain = `[
  {rabbit, [
    {tcp_listeners, [{"127.0.0.1", ${this.#amqpPort}}]},${tlsSettings}
    {default_user, ${text(this.adminUser)}}, {default_pass, ${text(this.adminPassword)}},
    {loopback_users, []},
    {vm_memory_high_watermark, ${memoryLimit}},
    {collect_statistics_interval, 1000},
    {log, [{console, [{enabled, true}, {level, info}]}, {file, [{file, false}]}]}
  ]},
  {rabbitmq_management, [{tcp_config, [{ip, "127.0.0.1"}, {port, ${this.#managementPort}}]}]}
].
`;
    const config = this.#options.configuration?.(ports) ?? plain;
    const { configurationName = "rabbitmq.config" } = this.#options;
    await writeFile(path.join(this.#directory, configurationName), config, { mode: 0o600 });
    const plugins = ["rabbitmq_management", ...(this.#options.plugins ?? [])];
    await writeFile(path.join(this.#directory, "enabled_plugins"), `[${plugins.join(",")}].\n`);
  }
}

async function lastLines(file: string, count: number): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
