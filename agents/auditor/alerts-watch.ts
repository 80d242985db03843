import { askJson } from "../lib/ask-json.ts";
import type { Log } from "../lib/log.ts";
import { type OpenIncidents, readFiring } from "./incidents.ts";
import { PrometheusPoll } from "./prometheus-poll.ts";

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
export const watchAlerts = ({ url, log, onFiring }: AlertsWatchOptions): PrometheusPoll<unknown> =>
  new PrometheusPoll({
    ...{ everyMs, log },
    ask: () => askJson(`${url}/api/v1/alerts`, limits),
    onAnswer: (answer) => onFiring(readFiring(answer, Date.now())),
    onFault: "Prometheus does not say which alerts fire: incidents are not kept meanwhile",
  });
