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
 * The dispatcher's numbers. Duplicates are telemetry: they say which source is first, by how much, and which went silent. What happens for
 * every message is a plain number here, read when somebody asks.
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
    this.#tookSeconds = metrics.histogram("dispatch_seconds", "from arrival to the broker's confirm", tookBuckets);
    this.#leadSeconds = metrics.histogram("lead_seconds", "how much earlier the first source was", leadBuckets, [
      "source",
    ]);
    this.#failures = metrics.counter("publish_failures", "publishes not confirmed, tried again", ["outcome"]);
    this.#deadLetters = metrics.counter("dead_letters", "announcements that can't be read, put aside");
    this.#doubtsSettled = metrics.counter(
      "doubts_settled",
      "redeliveries whose product was perhaps not in the pull queue: a receipt proved it, or it was published again",
      ["how"],
    );
    this.#doubtSeconds = metrics.histogram("doubt_seconds", "how long a redelivery was held in doubt", heldBuckets);
    this.#alternates = metrics.counter(
      "alternates",
      "pullers' requests for a twin: served with one, or failed: none came in time, and the request itself went out",
      ["how"],
    );
    this.#takeOverSeconds = metrics.histogram(
      "take_over_seconds",
      "after the address came: from the first announcement to the first decision",
      takeOverBuckets,
    );
    this.#missingQueues = metrics.counter("queues_missing", "queues that were gone and were declared again", ["queue"]);
    this.#starved = metrics.counter("starved", "times that messages waited and the broker gave none: connected anew");
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

  /** A request for an alternate was answered with a twin, or, where none came, with what was asked about. */
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
        // A source that repeats itself leads nobody.
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
    const told = (name: string, help: string, count: () => number): void => {
      metrics.counter(name, help, [], (counter) => counter.inc(count()));
    };
    told("received", "messages taken from the input queue, twins and redeliveries too", () => this.#received);
    told("ledger_records", "messages read from the own ledger queue", () => this.#ledgerRecords);
    told("ledger_unreadable", "messages in the ledger that say nothing", () => this.#ledgerUnreadable);
    told("twins_kept", "twins whose URL was kept, for pullers that can't fetch the first one's", () => this.#twinsKept);
  }
}

function registerSources(metrics: Metrics, sources: Sources, nowMs: () => number): void {
  metrics.counter("dispatched", "products sent on, by the source that was first", ["source"], (counter) => {
    for (const { name, first } of sources.all) counter.inc({ source: name }, first);
  });
  const twinLabels = ["source", "first_source"] as const;
  metrics.counter("twins", "announcements of products that are out already", twinLabels, (counter) => {
    for (const { name, twins } of sources.all)
      for (const [first, count] of twins) counter.inc({ source: name, first_source: first }, count);
  });
  metrics.counter("size_disagreements", "twins whose size is not the first one's", ["source"], (counter) => {
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
    "1 while the source is missed: silent while another one is not",
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
    metrics.gauge(name, help, (it) => it.set(value(view())));
  };
  const dispatches = ({ state, broker }: DispatcherView): boolean => state === "active" && broker === "ready";
  gauge("active", "1 while this host dispatches, or would: its broker takes messages", (now) =>
    Number(dispatches(now)),
  );
  gauge("in_flight", "products claimed, not confirmed yet", ({ inFlight }) => inFlight);
  gauge("table_entries", "products remembered", ({ entries }) => entries);
  gauge("retrying", "products that no queue or no broker takes", ({ retrying }) => retrying);
  gauge("kept_aside", "announcements that wait until the ledger is read", ({ keptAside }) => keptAside);
  gauge("doubts_open", "redeliveries held until a receipt comes", ({ doubts }) => doubts);
  gauge("alternates_waiting", "requests that wait for a twin", ({ alternatesWaiting }) => alternatesWaiting);
  gauge("ledger_unacked", "messages of the ledger not known to be on disk", ({ ledgerUnacked }) => ledgerUnacked);
  gauge("ledger_paused", "1 while the ledger is not read for want of room", ({ ledgerPaused }) => Number(ledgerPaused));
  gauge("journal_bytes", "size of the journal's files", ({ journalBytes }) => journalBytes);
  gauge("clock_stepped_seconds", "by how much the system's clock was set since this process began", (now) =>
    seconds(now.clockSteppedMs),
  );
  gauge(
    "clock_ahead_seconds",
    "of another dispatcher's; below 0: behind; 0 where it is unknown or less than 10",
    (now) => seconds(now.clockAheadMs),
  );
  gauge("journal_fault", "1 while nothing can be written to the journal", (now) =>
    Number(now.journalFault !== undefined),
  );
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
