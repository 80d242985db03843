import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { poll } from "../../scripts/lib/poll.ts";
import { freePort } from "../../scripts/traffic/free-port.ts";
import { findProgram, mosquitto, type ProgramBinary } from "./unpacked-program.ts";

const probeIntervalMs = 20;
const bootTimeoutMs = 60_000;

/** For tests: a real mosquitto on a free port of 127.0.0.1, which lets anybody in. It keeps sessions and their messages over a restart. */
export class Mosquitto {
  readonly port: number;
  readonly #binary: ProgramBinary;
  readonly #folder = mkdtempSync(join(tmpdir(), "warren-mqtt-"));
  #process: ChildProcess | undefined;

  private constructor(port: number, binary: ProgramBinary) {
    this.port = port;
    this.#binary = binary;
    const lines = [
      `listener ${port} 127.0.0.1`,
      "allow_anonymous true",
      "persistence true",
      `persistence_location ${this.#folder}/`,
      "max_queued_messages 0",
      // Else it could not write into the folder.
      `user ${process.getuid?.() === 0 ? "root" : ""}`,
    ];
    writeFileSync(this.#file, lines.join("\n"));
  }

  /** Resolves when it accepts connections. @throws UserError if its packages can't be downloaded */
  static async start(): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort(), await findProgram(mosquitto));
    await broker.resume();
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Starts it again with its sessions. */
  async resume(): Promise<void> {
    const { command, env } = this.#binary;
    this.#process = spawn(command, ["-c", this.#file], { env: { ...process.env, ...env }, stdio: "ignore" });
    await once(this.#process, "spawn");
    await poll(() => this.#accepts(), { withinMs: bootTimeoutMs, everyMs: probeIntervalMs });
  }

  /** SIGTERM: it saves its sessions. */
  async pause(): Promise<void> {
    if (!this.#process) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await exited;
    this.#process = undefined;
  }

  async stop(): Promise<void> {
    await this.pause();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #file(): string {
    return join(this.#folder, "mosquitto.conf");
  }

  #accepts(): Promise<true | undefined> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1", () => {
        socket.destroy();
        resolve(true);
      }).on("error", () => resolve(undefined));
    });
  }
}
