import { dispatcherStates } from "../lib/health.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Effect } from "./events.ts";
import type { Sources } from "./sources.ts";
import type { DispatcherView } from "./status.ts";

const tookBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
const leadBuckets = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200];
const heldBuckets = [0.1, 0.5, 1, 5, 15, 30, 60, 300, 1200];
const takeOverBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15];

/**
 * The dispatcher's metrics. Duplicates are informative: they show which source is first, by how much, and which is silent.
 * Per-message counts are plain numbers here, read on a scrape.
 */
export class Telemetry {
  readonly #sources: Sources;
  readonly #tookSeconds;
  readonly #leadSeconds;
  readonly #failures;
  readonly #deadLetters;
  readonly #doubtsSettled;
  readonly #doubtSeconds;
  readonly #alternates;
  readonly #takeOverSeconds;
  readonly #missingQueues;
  readonly #starved;
  #received = 0;
  #ledgerRecords = 0;
  #ledgerUnreadable = 0;
  #twinsKept = 0;

  constructor(metrics: Metrics, sources: Sources, view: () => DispatcherView, nowMs: () => number) {
    this.#sources = sources;
    this.#tookSeconds = metrics.histogram(
      "dispatch_seconds",
      "time from an announcement's arrival to the broker's confirm",
      tookBuckets,
    );
    this.#leadSeconds = metrics.histogram(
      "lead_seconds",
      "how much earlier than a twin the first source announced",
      leadBuckets,
      ["source"],
    );
    this.#failures = metrics.counter("publish_failures", "publishes that were not confirmed and are tried again", [
      "outcome",
    ]);
    this.#deadLetters = metrics.counter("dead_letters", "unreadable announcements, dead-lettered");
    this.#doubtsSettled = metrics.counter(
      "doubts_settled",
      "redeliveries whose product was perhaps not in the pull queue: a receipt proved it was, or the product was published again",
      ["how"],
    );
    this.#doubtSeconds = metrics.histogram(
      "doubt_seconds",
      "how long a redelivery was held as unconfirmed",
      heldBuckets,
    );
    this.#alternates = metrics.counter(
      "alternates",
      "pullers' requests for a twin: served with one, or failed because none arrived in time and the request itself was published",
      ["how"],
    );
    this.#takeOverSeconds = metrics.histogram(
      "take_over_seconds",
      "takeover time: from the first announcement after the address arrived to the first decision",
      takeOverBuckets,
    );
    this.#missingQueues = metrics.counter("queues_missing", "queues that were missing and were declared again", [
      "queue",
    ]);
    this.#starved = metrics.counter("starved", "reconnects because messages waited and the broker delivered none");
    this.#registerCounts(metrics);
    registerSources(metrics, sources, nowMs);
    registerView(metrics, view);
  }

  received(): void {
    this.#received++;
  }

  ledgerRecord(): void {
    this.#ledgerRecords++;
  }

  ledgerUnreadable(): void {
    this.#ledgerUnreadable++;
  }

  queuesMissing(queues: readonly string[]): void {
    for (const queue of queues) this.#missingQueues.inc({ queue });
  }

  starved(): void {
    this.#starved.inc();
  }

  takenOver(tookMs: number): void {
    this.#takeOverSeconds.observe(tookMs / 1000);
  }

  /** A request for an alternate was answered with a twin, or with the failed announcement if no twin arrived. */
  alternate(how: "served" | "failed"): void {
    this.#alternates.inc({ how });
  }

  count(effect: Effect, nowMs: number): void {
    switch (effect.type) {
      case "won":
        this.#sources.won(effect.source, nowMs);
        this.#tookSeconds.observe(effect.tookMs / 1000);
        break;
      case "twin":
        this.#sources.twin(effect.source, effect.firstSource, effect.sizeDiffers, nowMs);
        // A source that repeats itself is not ahead of another.
        if (effect.source !== effect.firstSource) {
          this.#leadSeconds.observe({ source: this.#sources.nameOf(effect.firstSource) }, effect.leadMs / 1000);
        }
        break;
      case "keep-twin":
        this.#twinsKept++;
        break;
      case "publish-failed":
        this.#failures.inc({ outcome: effect.outcome });
        break;
      case "dead-letter":
        this.#deadLetters.inc();
        break;
      case "doubt-settled":
        this.#doubtsSettled.inc({ how: effect.how });
        this.#doubtSeconds.observe(effect.heldMs / 1000);
        break;
    }
  }

  #registerCounts(metrics: Metrics): void {
    const counter = (name: string, help: string, count: () => number): void => {
      metrics.counter(name, help, [], (counter) => counter.inc(count()));
    };
    counter(
      "received",
      "messages received from the input queue, including twins and redeliveries",
      () => this.#received,
    );
    counter("ledger_records", "messages read from this host's own ledger queue", () => this.#ledgerRecords);
    counter("ledger_unreadable", "unreadable messages in the ledger", () => this.#ledgerUnreadable);
    counter(
      "twins_kept",
      "twins whose URL was kept, for pullers that can't fetch the first source's file",
      () => this.#twinsKept,
    );
  }
}

function registerSources(metrics: Metrics, sources: Sources, nowMs: () => number): void {
  metrics.counter("dispatched", "products published, by the source that was first", ["source"], (counter) => {
    for (const { name, first } of sources.all) counter.inc({ source: name }, first);
  });
  const twinLabels = ["source", "first_source"] as const;
  metrics.counter("twins", "announcements of products already published", twinLabels, (counter) => {
    for (const { name, twins } of sources.all)
      for (const [first, count] of twins) counter.inc({ source: name, first_source: first }, count);
  });
  metrics.counter("size_disagreements", "twins whose size differs from the first one's", ["source"], (counter) => {
    for (const { name, sizeDiffers } of sources.all) counter.inc({ source: name }, sizeDiffers);
  });
  const silence = "seconds since the source's last announcement that this host knows of";
  metrics.gauge(
    "source_silence_seconds",
    silence,
    (gauge) => {
      gauge.reset();
      for (const { name, lastAtMs } of sources.all) gauge.set({ source: name }, Math.max(0, nowMs() - lastAtMs) / 1000);
    },
    ["source"],
  );
  metrics.gauge(
    "source_silent",
    "1 while the source is silent and another one is not",
    (gauge) => {
      gauge.reset();
      for (const { name, silentSinceMs } of sources.all)
        gauge.set({ source: name }, silentSinceMs === undefined ? 0 : 1);
    },
    ["source"],
  );
}

function registerView(metrics: Metrics, view: () => DispatcherView): void {
  metrics.stateSet("state", "what this dispatcher is doing", dispatcherStates, () => view().state);
  const gauge = (name: string, help: string, value: (now: DispatcherView) => number): void => {
    metrics.gauge(name, help, (metric) => metric.set(value(view())));
  };
  const dispatches = ({ state, broker }: DispatcherView): boolean => state === "active" && broker === "ready";
  gauge("active", "1 while this host dispatches or is ready to: it is active and its broker is connected", (now) =>
    Number(dispatches(now)),
  );
  gauge("in_flight", "products claimed, not confirmed yet", ({ inFlight }) => inFlight);
  gauge("table_entries", "products remembered", ({ entries }) => entries);
  gauge("retrying", "products that no queue or no broker accepts", ({ retrying }) => retrying);
  gauge("kept_aside", "announcements deferred until the ledger is read", ({ keptAside }) => keptAside);
  gauge("doubts_open", "redeliveries held until a receipt arrives", ({ doubts }) => doubts);
  gauge("alternates_waiting", "requests that wait for a twin", ({ alternatesWaiting }) => alternatesWaiting);
  gauge("ledger_unacked", "ledger messages not known to be on disk", ({ ledgerUnacked }) => ledgerUnacked);
  gauge("ledger_paused", "1 while the ledger is not read because the table is full", ({ ledgerPaused }) =>
    Number(ledgerPaused),
  );
  gauge("journal_bytes", "size of the journal's files", ({ journalBytes }) => journalBytes);
  gauge("clock_stepped_seconds", "how far the system's clock was set since this process started", (now) =>
    seconds(now.clockSteppedMs),
  );
  gauge(
    "clock_ahead_seconds",
    "how far this host's clock is ahead of another dispatcher's (negative: behind); 0 if unknown or less than 10 s",
    (now) => seconds(now.clockAheadMs),
  );
  gauge("journal_fault", "1 while nothing can be written to the journal", (now) =>
    Number(now.journalFault !== undefined),
  );
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
