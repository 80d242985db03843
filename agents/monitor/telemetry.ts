import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { MonitorEvents } from "./monitor.ts";

export interface Telemetry extends MonitorEvents {
  readonly polls: number;
  readonly faults: Readonly<Record<string, string>>;
}

/** Counts and logs what the monitor's page does. */
export function openTelemetry(log: Log, metrics: Metrics, browsers: () => number): Telemetry {
  const polled = metrics.counter("polls", "polls of all sources");
  const failed = metrics.counter("source_faults", "polls in which a source did not answer", ["source"]);
  const seconds = metrics.histogram(
    "poll_seconds",
    "time of one poll of all sources",
    [0.01, 0.05, 0.1, 0.5, 1, 5, 10],
  );
  const bytes = metrics.histogram("event_bytes", "size of the event of one poll", [100, 500, 1000, 2000, 4000]);
  metrics.gauge("browsers", "browsers that get events", (gauge) => gauge.set(browsers()));
  let polls = 0;
  let faults: Readonly<Record<string, string>> = {};
  return {
    get polls() {
      return polls;
    },
    get faults() {
      return faults;
    },
    polled(found, eventBytes, took) {
      polls += 1;
      polled.inc();
      seconds.observe(took);
      bytes.observe(eventBytes);
      for (const [source, reason] of Object.entries(found)) {
        failed.inc({ source });
        // Logged once, not in every poll.
        if (faults[source] !== reason) log.error({ source, reason }, "a source does not answer, retrying");
      }
      for (const source of Object.keys(faults)) if (!(source in found)) log.info({ source }, "a source answers again");
      faults = found;
    },
  };
}
