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
  /** Taken as they are when given, and an error when in use; free ones are found otherwise. */
  readonly amqpPort?: number;
  readonly managementPort?: number;
  /** The only user, an administrator with all permissions on vhost `/`. */
  readonly adminUser?: string;
  /** Made at random when not given. */
  readonly adminPassword?: string;
  /** A file outside the broker's folder: it outlives `stop()`. By default the log goes with the folder. */
  readonly logFile?: string;
  /** AMQP over TLS as well, on a port of its own. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string };
  /** Of RabbitMQ's own, beside the management API. */
  readonly plugins?: readonly string[];
  readonly bootTimeoutMs?: number;
  readonly onProgress?: (text: string) => void;
}

/** Of a machine that does nothing else it takes two seconds; this is for one that does. */
const bootTimeoutMsDefault = 110_000;
const probeIntervalMs = 50;
/** Of the broker, before it holds publishers up; an Erlang term. */
const memoryLimit = '{absolute, "512MB"}';
const startAttemptsMax = 3;

/**
 * Starts RabbitMQ as an ordinary process of this user, in a temporary folder, listening on 127.0.0.1 alone, with the
 * management API and without Erlang distribution (so no epmd, no cookie, no fixed port, and no rabbitmqctl: use the
 * API). Resolves when it answers AMQP. Two seconds on an idle machine of two cores, four on a busy one.
 *
 * When this process ends without `stop()`, however it ends, the broker is killed and its folder removed.
 */
export async function startLocalBroker(options: LocalBrokerOptions = {}): Promise<LocalBroker> {
  const binaries = await findRabbitmqBinaries(options.onProgress);
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

/** One broker and its data folder: may be killed and started again until `stop()`. */
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

  /** `http://127.0.0.1:port`, without credentials and without a slash at its end. */
  get managementUrl(): string {
    return `http://127.0.0.1:${this.#managementPort}`;
  }

  /** The Erlang VM's process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Starts it, on the same data and the same ports as before; resolves when it answers AMQP. */
  async start(): Promise<void> {
    if (this.#process) throw new Error("the local broker is running already");
    for (let attempt = 1; ; attempt++) {
      if (!this.#amqpPort || attempt > 1) {
        this.#amqpPort = await freePort(this.#options.amqpPort);
        this.#managementPort = await freePort(this.#options.managementPort);
        if (this.#options.tls) this.#tlsPort = await freePort();
      }
      const trouble = await this.#boot();
      if (!trouble) return;
      // Between finding a port free and listening on it, somebody else may take it: try again, not for ever.
      if (/eaddrinuse|already in use/i.test(trouble) && attempt < startAttemptsMax) continue;
      throw new UserError("local broker", `did not start:\n${trouble}`, "the lines above are the end of its log");
    }
  }

  /** Writes the configuration and runs the VM until it answers AMQP. Returns what kept it from that, with its log's end. */
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
    const what = this.#process ? `no answer within ${timeoutMs / 1000} s` : "it ended";
    await this.kill();
    return `${await lastLines(this.logFile, 15)}\n${what}`;
  }

  /**
   * Evaluates Erlang in the running broker, as `rabbitmqctl eval` does, which is not to be had here; `expression` without its dot.
   * Resolves to what it gave, as Erlang prints it. For faults that no API makes: an alarm, say.
   */
  async evaluate(expression: string): Promise<string> {
    try {
      return await evaluateIn(this.#directory, expression, () => this.#process !== undefined);
    } catch (error) {
      throw new Error(`${(error as Error).message}; its log ends:\n${await lastLines(this.logFile, 15)}`);
    }
  }

  /**
   * Brings to its disk what has been declared: a kill up to two seconds later would take it. Its log is no proof: a queue's entry counts for
   * nothing there before the one that says that it was decided, which may be written later.
   */
  async keepDeclared(): Promise<void> {
    const answer = await this.evaluate("mnesia:dump_log()");
    if (answer !== "{ok,dumped}") throw new Error(`the local broker kept nothing: ${answer}`);
  }

  /** Holds publishers up by a memory alarm, as long as some work takes. A client is told of it (`blocked`) when it publishes, and no sooner. */
  async withMemoryAlarm<T>(work: () => Promise<T>): Promise<T> {
    const limit = (value: string) => this.evaluate(`vm_memory_monitor:set_vm_memory_high_watermark(${value})`);
    await limit("0.0001");
    try {
      return await work();
    } finally {
      await limit(memoryLimit);
    }
  }

  /** Frozen, as long as some work takes: sockets stay open, and nothing answers. */
  async whileFrozen<T>(work: () => Promise<T>): Promise<T> {
    const { pid } = this;
    if (pid === undefined) throw new Error("the local broker is not running");
    process.kill(pid, "SIGSTOP");
    try {
      // Each thread stops when it is next looked at, which on a busy machine is not at once.
      await poll(() => areThreadsStopped(pid), { everyMs: 1 });
      return await work();
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }

  /** SIGKILL, as a power cut would end it: clients see their connections reset. Data stays for `start()`. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Orderly end (about six seconds): clients get `CONNECTION_FORCED`. Data stays for `start()`. */
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

  /** Ends it at once and removes its folder. Safe to call twice. */
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
    const config = `[
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
    await writeFile(path.join(this.#directory, "rabbitmq.config"), config, { mode: 0o600 });
    const plugins = ["rabbitmq_management", ...(this.#options.plugins ?? [])];
    await writeFile(path.join(this.#directory, "enabled_plugins"), `[${plugins.join(",")}].\n`);
  }
}

async function lastLines(file: string, count: number): Promise<string> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trimEnd().split("\n").slice(-count).join("\n");
}
