import type { Log } from "../lib/log.ts";
import { type OpenIncidents, readFiring } from "./incidents.ts";

/** Alerts of a stack in trouble have some hundred kilobytes. */
const answerBytesMax = 4 * 1024 * 1024;
const answerWithinMs = 5000;
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
  readonly #stopping = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #asking = false;
  #answers = true;

  constructor(options: AlertsWatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.#ask(), everyMs);
    void this.#ask();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopping.abort();
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    const { url, log, onFiring } = this.#options;
    try {
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(answerWithinMs)]);
      const text = await getBounded(`${url}/api/v1/alerts`, signal);
      if (this.#stopping.signal.aborted) return;
      onFiring(readFiring(JSON.parse(text), Date.now()));
      if (!this.#answers) log.info("Prometheus answers again");
      this.#answers = true;
    } catch (error) {
      if (this.#answers && !this.#stopping.signal.aborted)
        log.warn({ err: error }, "Prometheus does not say which alerts fire: incidents are not kept meanwhile");
      this.#answers = false;
    } finally {
      this.#asking = false;
    }
  }
}

async function getBounded(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error(`answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error(`answers with more than ${answerBytesMax} bytes`);
  }
  return Buffer.concat(chunks).toString();
}
