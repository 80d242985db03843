import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { type Health, healthSchema } from "../../../agents/lib/health.ts";

const main = fileURLToPath(new URL("../../../agents/dispatcher/main.ts", import.meta.url));

/** One line of an agent's log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

/** One dispatcher as its own process. */
export class DispatcherProcess {
  readonly lines: LogLine[] = [];
  readonly stateDirectory: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #hasEnded = false;
  #line = Promise.withResolvers<void>();

  /** `fileSizeMax` in bytes makes writing beyond it fail, as on a full disk, until `roomForFiles`. */
  constructor(configFile: string, stateDirectory: string, fileSizeMax?: number) {
    this.stateDirectory = stateDirectory;
    const argv = [process.execPath, main, "--config", configFile];
    const [command = "", ...args] =
      fileSizeMax === undefined ? argv : ["prlimit", `--fsize=${fileSizeMax}:unlimited`, ...argv];
    this.#child = spawn(command, args, {
      env: { ...process.env, STATE_DIRECTORY: stateDirectory },
      stdio: ["ignore", "pipe", "inherit"],
    });
    // Not "exit": what it said last may be on its way then.
    this.#ended = once(this.#child, "close");
    if (this.#child.stdout) createInterface({ input: this.#child.stdout }).on("line", (line) => this.#onLine(line));
    this.#child.once("close", () => {
      this.#hasEnded = true;
      this.#tell();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves to the first line, told already or to come, whose message is that, or matches it. */
  async logged(message: string | RegExp): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(({ msg = "" }) =>
        typeof message === "string" ? msg === message : message.test(msg),
      );
      if (found) return found;
      if (this.#hasEnded) throw new Error(`dispatcher ended before it logged ${message}:\n${this.#words}`);
      await this.#line.promise;
    }
  }

  async health(): Promise<Health> {
    return healthSchema.strict().parse(await (await fetch(`${await this.#url()}/health`)).json());
  }

  /** OpenMetrics, as text. */
  async metrics(): Promise<string> {
    return (await fetch(`${await this.#url()}/metrics`)).text();
  }

  /** One sample's value; 0 where there is none. `name` with its labels, without the prefix. */
  async metric(name: string): Promise<number> {
    const line = (await this.metrics()).split("\n").find((each) => each.startsWith(`warren_dispatcher_${name} `));
    return Number(line?.split(" ")[1] ?? 0);
  }

  /** Resolves when so many announcements of the second radar server were found to be twins. */
  async twinsOfSecond(twins: number): Promise<void> {
    const seen = async (): Promise<number> => {
      const lines = (await this.metrics()).split("\n");
      const counts = lines.filter((line) => line.startsWith('warren_dispatcher_twins_total{source="urp-2'));
      return counts.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
    };
    await expect.poll(seen, { timeout: 100_000 }).toBe(twins);
  }

  /** Resolves to exit code and signal. */
  get exited(): Promise<unknown[]> {
    return this.#ended;
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    if (!this.#hasEnded) this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** SIGTERM; resolves to exit code and signal. */
  async end(): Promise<unknown[]> {
    this.#child.kill("SIGTERM");
    return this.#ended;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  roomForFiles(): void {
    execFileSync("prlimit", ["--pid", String(this.pid), "--fsize=unlimited:unlimited"]);
  }

  get #words(): string {
    return this.lines
      .slice(-10)
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
    this.#tell();
  }

  #tell(): void {
    this.#line.resolve();
    this.#line = Promise.withResolvers();
  }
}
