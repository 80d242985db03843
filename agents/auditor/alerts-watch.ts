import { askJson } from "../lib/ask-json.ts";
import type { Log } from "../lib/log.ts";
import { type OpenIncidents, readFiring } from "./incidents.ts";

/** Alerts of a stack in trouble have some hundred kilobytes. */
const limits = { timeoutMs: 5000, bytesMax: 4 * 1024 * 1024 };
/** Two of Prometheus' evaluations. */
const everyMs = 10_000;

export interface AlertsWatchOptions {
  /** Of Prometheus, e.g. `http://127.0.0.1:9090`. */
  readonly url: string;
  readonly log: Log;
  onFiring(firing: OpenIncidents): void;
}

/** Asks the local Prometheus which alerts fire. While it does not answer, nothing is known to begin or to end. */
export class AlertsWatch {
  readonly #options: AlertsWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #stopped = false;
  #asking = false;
  #answers = true;

  constructor(options: AlertsWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#ask(), everyMs);
    void this.#ask();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopped = true;
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { url, onFiring } = this.#options;
    try {
      const answered = await askJson(`${url}/api/v1/alerts`, limits);
      if (this.#stopped) return;
      if ("value" in answered) onFiring(readFiring(answered.value, Date.now()));
      this.#note("fault" in answered ? answered.fault : undefined);
    } catch (error) {
      this.#note((error as Error).message);
    } finally {
      this.#asking = false;
    }
  }

  /** Logs the first of equal results. */
  #note(fault: string | undefined): void {
    const { log } = this.#options;
    if (fault !== undefined && this.#answers)
      log.warn({ reason: fault }, "Prometheus does not say which alerts fire: incidents are not kept meanwhile");
    if (fault === undefined && !this.#answers) log.info("Prometheus answers again");
    this.#answers = fault === undefined;
  }
}
