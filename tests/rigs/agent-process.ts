import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { constants } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { UserError } from "../../agents/lib/errors.ts";
import { logEvents } from "../../agents/lib/log-events.ts";

/** One agent to run as a process of this user. */
export interface AgentSpec {
  /** What it stands for: `urp-1`, `bunny`, `pds-3`. */
  readonly name: string;
  readonly agent: "announcer" | "dispatcher" | "puller" | "watcher";
  readonly config: object;
  /** For Node itself, e.g. `--inspect`. */
  readonly nodeOptions?: readonly string[];
}

/** As in the agents' units (`RestartSec`): what systemd does after a crash. */
const restartDelayMs = 300;
/** An agent that crashes this often won't recover; systemd's default gives up as soon. */
const restartsMax = 5;
const readyTimeoutMs = 60_000;
const stopTimeoutMs = 5000;
/** Lines of standard error in a message; enough for an error with its remedy. */
const lastWordsMax = 5;
/** Where this is there (util-linux), an agent gets a SIGTERM from the kernel when we are gone, however we went. */
const setpriv = "/usr/bin/setpriv";

/** An agent that can't be kept running: its log, to which the message points, has to stay. */
export class AgentFailure extends UserError {}

/**
 * Runs one agent as systemd would: its config and state in its own folder, its log in a file, started again a second after
 * it died. In a process group of its own, so that Ctrl-C reaches it through us, in order, and not before.
 */
export class AgentProcess {
  readonly spec: AgentSpec;
  /** Rejects when the agent can't be kept running; never resolves. */
  readonly failed: Promise<never>;
  readonly logFile: string;
  readonly #directory: string;
  readonly #failure = Promise.withResolvers<never>();
  #ready = Promise.withResolvers<void>();
  #isReady = false;
  #child: ChildProcess | undefined;
  #closed: Promise<unknown> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;
  #restarts = 0;
  #everReady = false;
  #stopping = false;
  #lastWords: string[] = [];

  constructor(spec: AgentSpec, directory: string) {
    this.spec = spec;
    this.#directory = join(directory, spec.name);
    this.logFile = join(this.#directory, `${spec.agent}.log`);
    this.failed = this.#failure.promise;
    // Whoever awaits it gets the reason; until somebody does, it is no unhandled rejection.
    this.failed.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Where the agent keeps its files over restarts. */
  get stateDirectory(): string {
    return join(this.#directory, "state");
  }

  /** Resolves when the agent says that it is ready. */
  async start(): Promise<void> {
    await mkdir(this.stateDirectory, { recursive: true });
    await writeFile(this.#configFile, `${JSON.stringify(this.spec.config, null, 2)}\n`);
    this.#spawn();
    await this.ready();
  }

  /** Resolves when the agent is ready; after it died, when it is so again. */
  async ready(): Promise<void> {
    const late = Promise.withResolvers<never>();
    // Unreferenced: a process that has been stopped never gets ready, and nobody should wait for it to end.
    const timer = setTimeout(() => late.reject(this.#error("was not ready in time")), readyTimeoutMs).unref();
    await Promise.race([this.#ready.promise, this.failed, late.promise]).finally(() => clearTimeout(timer));
  }

  /** SIGKILL, as a crash: it is started again. Resolves when the process is gone, and its last words are read. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#closed;
  }

  /** SIGTERM, so that it drains; SIGKILL where that takes too long. May be asked for again, also while it ends. */
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

  #spawn(): void {
    if (this.#stopping) return;
    const main = fileURLToPath(new URL(`../../agents/${this.spec.agent}/main.ts`, import.meta.url));
    const argv = [process.execPath, ...(this.spec.nodeOptions ?? []), main, "--config", this.#configFile];
    const [command = "", ...args] = existsSync(setpriv) ? [setpriv, "--pdeathsig", "TERM", "--", ...argv] : argv;
    // Without the cache half of its start is compiling, and a run has ten agents.
    const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
    const child = spawn(command, args, {
      env: { PATH, HOME, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }), STATE_DIRECTORY: this.stateDirectory },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    // Listened for from the start: of a process that has ended already, an event would be waited for in vain.
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
        if (stream === child.stderr) this.#lastWords = [...this.#lastWords, line].slice(-lastWordsMax);
        const isReady = line.includes(`"event":"${logEvents.ready}"`);
        this.#everReady ||= isReady;
        // Who waits for that may read in the log what was said before.
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
    const how = signal === null ? `ended with ${code}` : `was ended by ${signal} (${constants.signals[signal]})`;
    if (!this.#everReady || this.#restarts >= restartsMax) {
      this.#failure.reject(this.#error(how));
      return;
    }
    this.#restarts++;
    this.#restart = setTimeout(() => this.#spawn(), restartDelayMs);
  }

  #error(what: string): AgentFailure {
    const words = this.#lastWords.map((line) => `\n    ${line}`).join("");
    return new AgentFailure(`${this.spec.agent} ${this.spec.name}`, `${what}${words}`, `its log is ${this.logFile}`);
  }
}
