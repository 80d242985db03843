import { execFile } from "node:child_process";
import type { Log } from "./log.ts";

/**
 * Tells systemd how the service is. Node has no unix datagram sockets, so `systemd-notify` does it (the unit has
 * `NotifyAccess=all`); without NOTIFY_SOCKET, in a terminal, nothing is sent. One process at a time; between two, only the
 * newest of each field is kept: a status nobody saw is no loss.
 */
export class SystemNotify {
  readonly #log: Log;
  readonly #enabled = process.env.NOTIFY_SOCKET !== undefined;
  #fields = new Map<string, string>();
  #running: Promise<void> | undefined;
  #watchdog: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  send(fields: Readonly<Record<string, string>>): void {
    if (!this.#enabled) return;
    for (const [name, value] of Object.entries(fields)) this.#fields.set(name, value);
    this.#running ??= this.#drain();
  }

  /**
   * Beats at half of what the unit's WatchdogSec allows. The beat comes from the event loop: a loop that hangs misses it,
   * which is what the watchdog is for.
   */
  startWatchdog(): void {
    const allowedMs = Number(process.env.WATCHDOG_USEC ?? 0) / 1000;
    if (!this.#enabled || !(allowedMs > 0)) return;
    this.#watchdog = setInterval(() => this.send({ WATCHDOG: "1" }), allowedMs / 2);
    this.#watchdog.unref();
  }

  /** Resolves when what was sent so far has reached systemd. */
  async close(): Promise<void> {
    clearInterval(this.#watchdog);
    await this.#running;
  }

  async #drain(): Promise<void> {
    while (this.#fields.size > 0) {
      const words = [...this.#fields].map(([name, value]) => `${name}=${value.replaceAll("\n", " ")}`);
      this.#fields = new Map();
      await new Promise<void>((resolve) => {
        execFile("systemd-notify", words, { timeout: 5000 }, (error) => {
          if (error) this.#log.warn({ err: error }, "systemd-notify failed; systemd may restart this agent");
          resolve();
        });
      });
    }
    // In the same turn in which nothing was left: whoever sends next starts another drain.
    this.#running = undefined;
  }
}
