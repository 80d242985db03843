import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { UserError } from "../../agents/lib/errors.ts";
import { logEvents } from "../../agents/lib/log-events.ts";
import { endingWithParent } from "../../agents/lib/with-parent.ts";
import { agentEnvironment } from "../../infra/model/agent-part.ts";
import { buildBundle } from "../../infra/resources/artifacts.ts";

/** An agent to run as this user's process. */
export interface AgentSpec {
  /** Its host: `urp-1`, `bunny`, `pds-3`. */
  readonly name: string;
  readonly agent: "announcer" | "dispatcher" | "puller" | "watcher";
  readonly config: object;
  /** Options of Node, e.g. `--inspect`. */
  readonly nodeOptions?: readonly string[];
}

/** Pause before a restart, as in the agents' units (`RestartSec`). */
const restartDelayMs = 300;
/** Limit of restarts, as systemd's default: an agent that crashes this often won't recover. */
const restartsMax = 5;
const readyTimeoutMs = 60_000;
const stopTimeoutMs = 5000;
/** Lines of standard error in a message: enough for an error with its remedy. */
const lastLinesMax = 5;

const checkout = fileURLToPath(new URL("../..", import.meta.url));
/** By agent; once in a process, because agents are started often. */
const bundles = new Map<AgentSpec["agent"], Promise<string>>();

function bundleOf(agent: AgentSpec["agent"]): Promise<string> {
  const bundle = bundles.get(agent) ?? buildBundle(agent, checkout);
  bundles.set(agent, bundle);
  return bundle;
}

/** An agent can't be kept running. Its log must stay, because the message names it. */
export class AgentFailure extends UserError {}

/**
 * Runs an agent as systemd would: config and state in its own folder, log in a file, restart a second after it died. It is the bundle that hosts
 * run, with its unit's environment; from the sources each start would take twice as long. It has its own process group, so that Ctrl-C doesn't
 * reach it: this process stops it in order.
 */
export class AgentProcess {
  readonly spec: AgentSpec;
  /** Rejects if the agent can't be kept running; never resolves. */
  readonly failed: Promise<never>;
  readonly logFile: string;
  readonly #directory: string;
  readonly #failure = Promise.withResolvers<never>();
  #ready = Promise.withResolvers<void>();
  #isReady = false;
  #metricsPort: number | undefined;
  #program = "";
  #child: ChildProcess | undefined;
  #closed: Promise<unknown> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #restarts = 0;
  #everReady = false;
  #stopping = false;
  #lastLines: string[] = [];

  constructor(spec: AgentSpec, directory: string) {
    this.spec = spec;
    this.#directory = join(directory, spec.name);
    this.logFile = join(this.#directory, `${spec.agent}.log`);
    this.failed = this.#failure.promise;
    // Avoids an unhandled rejection until somebody awaits it.
    this.failed.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Where it has its metrics, from its log; undefined before its first start. */
  get metricsPort(): number | undefined {
    return this.#metricsPort;
  }

  /** Folder of the agent's files, kept over restarts. */
  get stateDirectory(): string {
    return join(this.#directory, "state");
  }

  /** Resolves when the agent logs that it is ready. */
  async start(): Promise<void> {
    this.#program = await bundleOf(this.spec.agent);
    await mkdir(this.stateDirectory, { recursive: true });
    await writeFile(this.#configFile, `${JSON.stringify(this.spec.config, null, 2)}\n`);
    this.#spawn();
    await this.ready();
  }

  /** Resolves when the agent is ready; after a crash, when it is ready again. */
  async ready(): Promise<void> {
    const late = Promise.withResolvers<never>();
    // Unreferenced: a stopped agent never gets ready, and the timer must not keep this process running.
    const timer = setTimeout(() => late.reject(this.#error("was not ready in time")), readyTimeoutMs).unref();
    await Promise.race([this.#ready.promise, this.failed, late.promise]).finally(() => clearTimeout(timer));
  }

  /** SIGKILL, as a crash: the agent restarts. Resolves when the process is dead and its last output is read. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#closed;
  }

  /** SIGKILL, without a restart. Resolves when the process is dead and its last output is read. */
  async die(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    await this.kill();
  }

  /** Runs the program once more with `--after-end`, as its unit does after it has died. Rejects if that fails. */
  async afterEnd(): Promise<void> {
    const argv = [this.#program, "--config", this.#configFile, "--after-end"];
    await promisify(execFile)(process.execPath, argv, { env: { ...this.#environment, SERVICE_RESULT: "signal" } });
  }

  /** SIGTERM, so that it drains; SIGKILL if that takes too long. Can be called repeatedly. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    child?.kill("SIGTERM");
    const timer = setTimeout(() => child?.kill("SIGKILL"), stopTimeoutMs);
    await this.#closed;
    clearTimeout(timer);
  }

  get #configFile(): string {
    return join(this.#directory, `${this.spec.agent}.json`);
  }

  get #environment(): NodeJS.ProcessEnv {
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
    const own = { ...agentEnvironment(this.spec.agent), STATE_DIRECTORY: this.stateDirectory };
    // Without the compile cache, half of an agent's start is compilation, and a run has ten agents.
    return { PATH, HOME, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }), ...own };
  }

  #spawn(): void {
    if (this.#stopping) return;
    const argv = [process.execPath, ...(this.spec.nodeOptions ?? []), this.#program, "--config", this.#configFile];
    const [command, ...args] = endingWithParent(argv);
    const child = spawn(command, args, {
      env: this.#environment,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    // Registered at the start: a process that has already exited emits no more events.
    this.#closed = new Promise((resolve) => child.once("close", resolve));
    this.#keepLog(child);
    child.once("error", (error) => this.#failure.reject(this.#error(`can't be started: ${error.message}`)));
    child.once("exit", () => {
      if (this.#isReady) this.#ready = Promise.withResolvers();
      this.#isReady = false;
    });
    child.once("close", (code, signal) => this.#onEnd(code, signal));
  }

  #keepLog(child: ChildProcess): void {
    const log = createWriteStream(this.logFile, { flags: "a" });
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on("line", (line) => {
        if (stream === child.stderr) this.#lastLines = [...this.#lastLines, line].slice(-lastLinesMax);
        const isReady = line.includes(`"event":"${logEvents.ready}"`);
        this.#everReady ||= isReady;
        this.#metricsPort = Number(/"metricsPort":(\d+)/.exec(line)?.[1] ?? this.#metricsPort) || undefined;
        // The log then contains everything up to the ready line.
        log.write(`${line}\n`, () => isReady && this.#onReady(child));
      });
    }
    child.once("close", () => log.end());
  }

  #onReady(child: ChildProcess): void {
    if (child.exitCode !== null || child.signalCode !== null) return;
    this.#isReady = true;
    this.#ready.resolve();
  }

  #onEnd(code: number | null, signal: NodeJS.Signals | null): void {
    this.#child = undefined;
    if (this.#stopping) return;
    const how = signal === null ? `exited with ${code}` : `was killed by ${signal} (${constants.signals[signal]})`;
    if (!this.#everReady || this.#restarts >= restartsMax) {
      this.#failure.reject(this.#error(how));
      return;
    }
    this.#restarts++;
    this.#restart = setTimeout(() => this.#spawn(), restartDelayMs);
  }

  #error(what: string): AgentFailure {
    const words = this.#lastLines.map((line) => `\n    ${line}`).join("");
    return new AgentFailure(`${this.spec.agent} ${this.spec.name}`, `${what}${words}`, `its log is ${this.logFile}`);
  }
}
