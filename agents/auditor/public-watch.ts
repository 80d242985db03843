import { type Answered, askJson } from "../lib/ask-json.ts";
import type { PublicHour } from "../lib/audit-history.ts";
import type { Log } from "../lib/log.ts";
import { hourMs, hourOf } from "./hours.ts";
import { PrometheusPoll } from "./prometheus-poll.ts";
import { type PublicAnswers, publicQueries, readPublicHours } from "./public-hours.ts";

/** A day of one histogram has some 10 kB. */
const limits = { timeoutMs: 30_000, bytesMax: 1024 * 1024 };
/** A question about more would cost Prometheus too much at once. */
const atOnceMs = 24 * hourMs;
const everyMs = 60_000;
/** What Prometheus keeps by default; it is asked for all of it after each start. */
const keptMs = 15 * 24 * hourMs;
/** The last scrape of an hour ends within four seconds. */
const settledMs = 30_000;

export interface PublicWatchOptions {
  /** Of Prometheus, e.g. `http://127.0.0.1:9090`. */
  readonly url: string;
  readonly log: Log;
  readonly nowMs: () => number;
  /** Gets hours of which some may be known. False if they can't be kept now: they are asked for again. */
  onHours(hours: readonly PublicHour[]): boolean;
}

/** Asks the local Prometheus once for each hour of the public path, soon after its end, and for those that passed meanwhile. */
export function watchPublicHours({ url, log, nowMs, onHours }: PublicWatchOptions): PrometheusPoll<PublicHour[]> {
  let untilMs = 0;
  let askedMs = 0;
  return new PrometheusPoll({
    ...{ everyMs, log },
    async ask() {
      askedMs = hourOf(nowMs() - settledMs);
      // The clock may have been set back.
      untilMs = Math.min(untilMs, askedMs);
      const startMs = Math.max(untilMs, askedMs - keptMs);
      return startMs < askedMs ? askHours(url, startMs, askedMs) : undefined;
    },
    onAnswer(hours) {
      if (onHours(hours)) untilMs = askedMs;
    },
    onFault: "Prometheus does not answer for the public path: its hours are asked for again",
  });
}

async function askHours(url: string, fromMs: number, toMs: number): Promise<Answered<PublicHour[]>> {
  const hours: PublicHour[] = [];
  for (let startMs = fromMs; startMs < toMs; startMs += atOnceMs) {
    const endMs = Math.min(toMs, startMs + atOnceMs);
    const answers: [string, unknown][] = [];
    for (const [name, query] of Object.entries(publicQueries)) {
      const times = {
        start: String((startMs + hourMs) / 1000),
        end: String(endMs / 1000),
        step: String(hourMs / 1000),
      };
      const answered = await askJson(`${url}/api/v1/query_range?${new URLSearchParams({ query, ...times })}`, limits);
      if ("fault" in answered) return answered;
      answers.push([name, answered.value]);
    }
    const startsMs = Array.from({ length: (endMs - startMs) / hourMs }, (_, index) => startMs + index * hourMs);
    hours.push(...readPublicHours(Object.fromEntries(answers) as PublicAnswers, startsMs));
  }
  return { value: hours };
}
