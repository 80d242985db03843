import { setTimeout as sleep } from "node:timers/promises";
import { type Answered, askJson } from "../lib/ask-json.ts";
import { workMarksOf } from "./alerts.ts";
import type { Config } from "./config.ts";
import { emptyView, flowView } from "./flow-view.ts";
import { Hub } from "./hub.ts";
import { type Found, foundOf } from "./search.ts";
import type { FlowSource } from "./source.ts";
import { type History, type Mark, type Range, ranges } from "./view.ts";

export interface MonitorEvents {
  polled(faults: Readonly<Record<string, string>>, eventBytes: number, seconds: number): void;
}

type Settings = Pick<
  Config,
  "map" | "alertmanagerUrl" | "auditorUrl" | "intervalMs" | "requestTimeoutMs" | "answerBytesMax"
>;
const nameMax = 1000;
/** More triangles than this on a chart say nothing. */
const marksMax = 100;

/** Polls all sources once an interval, and gives the view to all browsers. */
export class Monitor {
  readonly hub: Hub;
  readonly #settings: Settings;
  readonly #source: FlowSource;
  readonly #events: MonitorEvents;
  /** Alertmanager's last answer. */
  #silences: Answered<unknown> | undefined;
  readonly #histories = new Map<Range, { readonly atMs: number; readonly answer: Promise<Answered<History>> }>();

  constructor(settings: Settings, source: FlowSource, events: MonitorEvents) {
    this.#settings = settings;
    this.#source = source;
    this.#events = events;
    this.hub = new Hub(emptyView(settings.map));
  }

  /** Polls until it is stopped. A slow answer delays the next poll; polls never overlap. */
  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const startMs = Date.now();
      await this.poll();
      const pauseMs = Math.max(0, startMs + this.#settings.intervalMs - Date.now());
      await sleep(pauseMs, undefined, { signal: stopping }).catch(() => {});
    }
  }

  async poll(): Promise<void> {
    const nowMs = Date.now();
    const { map, alertmanagerUrl } = this.#settings;
    const [figures, alerts, silences] = await Promise.all([
      this.#source.figures(nowMs),
      alertmanagerUrl === undefined ? undefined : this.#ask(alertmanagerUrl, "/api/v2/alerts?inhibited=false"),
      alertmanagerUrl === undefined ? undefined : this.#ask(alertmanagerUrl, "/api/v2/silences"),
    ]);
    this.#silences = silences;
    const answers = { figures, ...(alerts ? { alerts } : {}), ...(silences ? { silences } : {}), nowMs };
    const view = flowView(map, this.hub.view, answers);
    const bytes = this.hub.publish(view, Date.now());
    this.#events.polled(view.faults, bytes, (Date.now() - nowMs) / 1000);
  }

  /** Made once for all browsers, and again when it is as old as its range allows. */
  history(range: Range): Promise<Answered<History>> {
    const nowMs = Date.now();
    const known = this.#histories.get(range);
    if (known && nowMs - known.atMs < ranges[range].keptMs) return known.answer;
    const answer = this.#historyOf(range, nowMs);
    this.#histories.set(range, { atMs: nowMs, answer });
    return answer;
  }

  /** Without Alertmanager's answer, marks of planned work are missing. */
  async #historyOf(range: Range, nowMs: number): Promise<Answered<History>> {
    const history = await this.#source.history(range, nowMs);
    if ("fault" in history) return history;
    const sinceSeconds = nowMs / 1000 - ranges[range].seconds;
    const marks = [...history.value.marks, ...workMarks(this.#silences)]
      .filter(({ time }) => time >= sinceSeconds)
      .toSorted((one, other) => other.time - one.time)
      .slice(0, marksMax);
    return { value: { ...history.value, marks } };
  }

  async search(name: string): Promise<Answered<Found>> {
    if (name === "" || name.length > nameMax) return { fault: `expected a name of 1 to ${nameMax} characters` };
    const answer = await this.#ask(this.#settings.auditorUrl ?? "", `/products?name=${encodeURIComponent(name)}`);
    if ("fault" in answer) return { fault: `the auditor does not answer: ${answer.fault}` };
    try {
      return { value: foundOf(answer.value) };
    } catch {
      return { fault: "the auditor's answer has another form than expected" };
    }
  }

  #ask(base: string, path: string): Promise<Answered<unknown>> {
    const { requestTimeoutMs: timeoutMs, answerBytesMax: bytesMax } = this.#settings;
    return askJson(`${base.replace(/\/$/, "")}${path}`, { timeoutMs, bytesMax });
  }
}

function workMarks(silences: Answered<unknown> | undefined): readonly Mark[] {
  if (silences === undefined || "fault" in silences) return [];
  try {
    return workMarksOf(silences.value);
  } catch {
    return [];
  }
}
