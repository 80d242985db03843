import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Health, healthSchema } from "../../agents/lib/health.ts";
import type { LogEvent } from "../../agents/lib/log-events.ts";

/** A line of an agent's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

/** Selects a line by its event, or by its text if it has none. */
export type SoughtLine = { readonly event: LogEvent } | string | RegExp;

export interface TestedAgentOptions {
  /** Folder below agents/. */
  readonly agent: string;
  readonly configFile: string;
  readonly stateDirectory: string;
  /** A command that starts the agent, e.g. `["unshare", "--mount"]`. It must exec, so that it becomes the agent's process. */
  readonly before?: readonly string[];
  /** Bytes. Writes beyond fail, as on a full disk, until `roomForFiles`. */
  readonly fileSizeMax?: number;
}

/** Number of lines shown if an awaited line never comes. */
const lastLinesMax = 10;

/** An agent as a process, for tests: its log and its exit. It is not restarted. */
export class TestedAgent {
  readonly lines: LogLine[] = [];
  readonly #options: TestedAgentOptions;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  #hasEnded = false;
  #line = Promise.withResolvers<void>();

  constructor(options: TestedAgentOptions) {
    this.#options = options;
    const { agent, configFile, stateDirectory, before = [], fileSizeMax } = options;
    const main = fileURLToPath(new URL(`../../agents/${agent}/main.ts`, import.meta.url));
    const limit = fileSizeMax === undefined ? [] : ["prlimit", `--fsize=${fileSizeMax}:unlimited`];
    const [command = "", ...args] = [...before, ...limit, process.execPath, main, "--config", configFile];
    this.#child = spawn(command, args, {
      env: { ...process.env, STATE_DIRECTORY: stateDirectory },
      stdio: ["ignore", "pipe", "inherit"],
    });
    // Not "exit": the last output may still be in the pipe then.
    this.#exited = once(this.#child, "close");
    // Splits only at newlines. readline also splits at U+2028, which may be in a file's name.
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#onLine(line);
    });
    this.#child.once("close", () => {
      this.#hasEnded = true;
      this.#notify();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Its exit code, or the signal that killed it; undefined while it runs. */
  get exitCode(): number | NodeJS.Signals | undefined {
    return this.#child.exitCode ?? this.#child.signalCode ?? undefined;
  }

  /** Resolves to the first matching line, past or future. Rejects if the agent exits before. */
  async logged(sought: SoughtLine): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find((line) => isSought(line, sought));
      if (found) return found;
      if (this.#hasEnded) {
        const what = typeof sought === "object" && "event" in sought ? sought.event : sought;
        throw new Error(`${this.#options.agent} exited before it logged ${what}:\n${this.#words}`);
      }
      await this.#line.promise;
    }
  }

  /** Its `/health`. Rejects if a key is unknown to the schema or has another type. */
  async health(): Promise<Health> {
    return healthSchema.strict().parse(await (await fetch(`${await this.#url()}/health`)).json());
  }

  /** OpenMetrics, as text. */
  async metrics(): Promise<string> {
    return (await fetch(`${await this.#url()}/metrics`)).text();
  }

  /** Value of a sample; 0 if there is none. `name` with its labels, without the prefix. */
  async metric(name: string): Promise<number> {
    const prefix = `warren_${this.#options.agent.replaceAll("-", "_")}_`;
    const line = (await this.metrics()).split("\n").find((each) => each.startsWith(`${prefix}${name} `));
    return Number(line?.split(" ")[1] ?? 0);
  }

  /** Resolves to exit code and signal. */
  get exited(): Promise<unknown[]> {
    return this.#exited;
  }

  /** SIGKILL; resolves when it is dead. */
  async kill(): Promise<void> {
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** SIGTERM; resolves to exit code and signal. */
  async end(): Promise<unknown[]> {
    this.#child.kill("SIGTERM");
    return this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  roomForFiles(): void {
    execFileSync("prlimit", ["--pid", String(this.pid), "--fsize=unlimited:unlimited"]);
  }

  get #words(): string {
    return this.lines
      .slice(-lastLinesMax)
      .map((line) => JSON.stringify(line))
      .join("\n");
  }

  async #url(): Promise<string> {
    const { metricsPort } = await this.logged("starting");
    return `http://127.0.0.1:${metricsPort}`;
  }

  #onLine(text: string): void {
    try {
      this.lines.push(JSON.parse(text) as LogLine);
    } catch {
      this.lines.push({ msg: text });
    }
    this.#notify();
  }

  #notify(): void {
    this.#line.resolve();
    this.#line = Promise.withResolvers();
  }
}

function isSought({ event, msg = "" }: LogLine, sought: SoughtLine): boolean {
  if (typeof sought === "string") return msg === sought;
  return sought instanceof RegExp ? sought.test(msg) : event === sought.event;
}

/** Starts an agent and kills it with SIGKILL at random times, repeatedly, until `end`. */
export class KilledAgent {
  kills = 0;
  readonly #start: () => TestedAgent;
  readonly #pauseMs: () => number;
  readonly #running: Promise<void>;
  readonly #over = Promise.withResolvers<void>();
  #isOver = false;
  #agent: TestedAgent;

  /** `pauseMs`: lifetime of each after it is ready. */
  constructor(start: () => TestedAgent, pauseMs: () => number) {
    this.#start = start;
    this.#pauseMs = pauseMs;
    this.#agent = start();
    this.#running = this.#run();
    this.#running.catch(() => {});
  }

  /** Stops killing; resolves to the last agent, which runs. */
  async end(): Promise<TestedAgent> {
    this.#isOver = true;
    this.#over.resolve();
    await this.#running;
    return this.#agent;
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#agent.logged({ event: "ready" });
      // The random time is the point of the test, so there is no event to await.
      const timer = Promise.withResolvers<void>();
      const timeout = setTimeout(timer.resolve, this.#pauseMs());
      await Promise.race([timer.promise, this.#over.promise]);
      clearTimeout(timeout);
      if (this.#isOver) return;
      await this.#agent.kill();
      this.kills += 1;
      this.#agent = this.#start();
    }
  }
}
