import type { Metrics } from "../lib/metrics.ts";
import type { DispatcherCore } from "./core.ts";
import type { Effect } from "./events.ts";

/** Sources are hosts in URLs that others wrote: beyond this many they are counted as one, `other`. */
const sourcesMax = 50;
const tookBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
const leadBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200];

/** The dispatcher's numbers. Duplicates are telemetry: they say which source is first, by how much, and which went silent. */
export class Telemetry {
  readonly #sources = new Set<string>();
  readonly #received;
  readonly #dispatched;
  readonly #twins;
  readonly #tookSeconds;
  readonly #leadSeconds;
  readonly #failures;
  readonly #deadLetters;

  constructor(metrics: Metrics, core: DispatcherCore) {
    this.#received = metrics.counter(
      "received",
      "announcements taken from the input queue, twins and redeliveries too",
    );
    this.#dispatched = metrics.counter("dispatched", "products sent on, by the source that was first", ["source"]);
    this.#twins = metrics.counter("twins", "announcements of products that are out already", [
      "source",
      "first_source",
    ]);
    this.#tookSeconds = metrics.histogram("dispatch_seconds", "from arrival to the broker's confirm", tookBuckets);
    this.#leadSeconds = metrics.histogram("lead_seconds", "how much earlier the first source was", leadBuckets, [
      "source",
    ]);
    this.#failures = metrics.counter("publish_failures", "publishes not confirmed, tried again", ["outcome"]);
    this.#deadLetters = metrics.counter("dead_letters", "announcements that can't be read, put aside");
    metrics.gauge("in_flight", "products claimed, not confirmed yet", (gauge) => gauge.set(core.inFlight));
    metrics.gauge("table_entries", "products remembered", (gauge) => gauge.set(core.entries));
    metrics.gauge("active", "1 while this host dispatches", (gauge) => gauge.set(core.state === "active" ? 1 : 0));
    metrics.gauge("retrying", "products that no queue or no broker takes", (gauge) => gauge.set(core.retrying));
  }

  received(): void {
    this.#received.inc();
  }

  count(effect: Effect): void {
    switch (effect.type) {
      case "won":
        this.#dispatched.inc({ source: this.#source(effect.source) });
        this.#tookSeconds.observe(effect.tookMs / 1000);
        break;
      case "twin": {
        const labels = { source: this.#source(effect.source), first_source: this.#source(effect.firstSource) };
        this.#twins.inc(labels);
        // A source that repeats itself leads nobody.
        if (effect.source !== effect.firstSource) {
          this.#leadSeconds.observe({ source: labels.first_source }, effect.leadMs / 1000);
        }
        break;
      }
      case "publish-failed":
        this.#failures.inc({ outcome: effect.outcome });
        break;
      case "dead-letter":
        this.#deadLetters.inc();
        break;
    }
  }

  #source(host: string): string {
    if (this.#sources.size < sourcesMax) this.#sources.add(host);
    return this.#sources.has(host) ? host : "other";
  }
}
