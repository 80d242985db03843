import type { WireFormat } from "../lib/codecs.ts";
import { UserError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { WatcherEvents } from "./ports.ts";

/** The last files that could not be announced, for `/health`: what, and why. */
export interface Rejection {
  readonly path: string;
  readonly reason: string;
}

export interface Telemetry extends WatcherEvents {
  /** The broker has the message, this long after it was made. */
  confirmed(routingKey: string, waitedMs: number): void;
  /** No queue takes it, and it is done with. */
  unclaimed(routingKey: string): void;
  /** The broker did not take it; it is sent again. */
  refused(outcome: string): void;
  readonly announcedCount: number;
  readonly rejections: readonly Rejection[];
  /** What keeps trees from being watched; undefined where nothing does. */
  readonly watchTrouble: string | undefined;
}

const rejectionsListed = 20;
const latencyBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

interface Counts {
  spooled(): number;
  waiting(): number;
  journaled(): number;
  /** Of a message, by its routing key. */
  formatOf(routingKey: string): WireFormat | "unknown";
}

/** Counts and logs what the watcher does. `counts` are asked for when the metrics are. */
export function openTelemetry(log: Log, metrics: Metrics, counts: Counts): Telemetry {
  const counters = openCounters(metrics);
  metrics.gauge("spooled", "messages waiting for their confirm", (gauge) => gauge.set(counts.spooled()));
  metrics.gauge("arrivals_waiting", "files that came and are not announced yet", (gauge) =>
    gauge.set(counts.waiting()),
  );
  metrics.gauge("journal_entries", "files remembered as they were announced", (gauge) => gauge.set(counts.journaled()));
  const rejections: Rejection[] = [];
  const troubles = new Map<string, string>();
  let announcedCount = 0;
  return {
    get announcedCount() {
      return announcedCount;
    },
    get rejections() {
      return rejections;
    },
    get watchTrouble() {
      return troubles.values().next().value;
    },
    announced(path, latencyMs) {
      announcedCount += 1;
      counters.announced.inc();
      if (latencyMs === undefined) counters.found.inc();
      else counters.latency.observe(latencyMs / 1000);
      log.debug({ path, latencyMs }, "announced");
    },
    remembered() {
      counters.remembered.inc();
    },
    gone(path) {
      counters.gone.inc();
      log.debug({ path }, "gone before it could be read");
    },
    rewritten(path) {
      counters.rewritten.inc();
      log.debug({ path }, "changed while it was read");
    },
    confirmed(routingKey, waitedMs) {
      counters.confirmed.inc({ format: counts.formatOf(routingKey) });
      counters.confirmLatency.observe(waitedMs / 1000);
    },
    unclaimed(routingKey) {
      counters.unclaimed.inc({ format: counts.formatOf(routingKey) });
    },
    refused(outcome) {
      counters.refused.inc({ outcome });
    },
    rejected(path, reason) {
      counters.rejected.inc();
      rejections.push({ path, reason });
      if (rejections.length > rejectionsListed) rejections.shift();
      log.warn({ path, reason }, "file can't be announced");
    },
    waiting(error) {
      log.error({ reason: error.message }, "announcing stands still, nothing is lost: trying again every second");
    },
    irregular(path) {
      counters.irregular.inc();
      log.info({ path }, "not announced: it is no file, or behind a symbolic link");
    },
    scanned(folder, reason, counts) {
      counters.rescans.inc({ of: reason === undefined ? "folder" : "tree" });
      // New folders are everyday; a look at a whole tree has a reason worth reading.
      if (reason === undefined) log.debug({ folder, ...counts }, "looked through a new folder");
      else log.info({ folder, reason, ...counts }, "looked through the tree for what no event told");
    },
    unreadable(folder, reason) {
      log.error({ folder, reason }, "the folder can't be read: files in it are not announced");
    },
    trouble(tree, error) {
      const reason = error instanceof UserError ? error.format() : error.message;
      troubles.set(tree, reason);
      log.error({ tree, reason }, "the tree is not watched as it should be; it is looked through meanwhile");
    },
    recovered(tree) {
      troubles.delete(tree);
      troubles.delete("");
      log.info({ tree }, "the tree is watched again");
    },
  };
}

function openCounters(metrics: Metrics) {
  return {
    announced: metrics.counter("announced", "files announced: safe in the spool, on their way to the broker"),
    confirmed: metrics.counter("confirmed", "messages that the broker has confirmed, by format", ["format"]),
    unclaimed: metrics.counter("unclaimed", "messages that no queue took, by format", ["format"]),
    refused: metrics.counter("publish_failures", "attempts to publish that failed, by outcome", ["outcome"]),
    rejected: metrics.counter("rejected", "files that can't be announced in some format"),
    remembered: metrics.counter("remembered", "files that were there before the first start, and are not announced"),
    gone: metrics.counter("gone", "files that were removed before they could be read"),
    rewritten: metrics.counter("rewritten", "files that were changed while they were read"),
    irregular: metrics.counter("irregular", "links, pipes and the like that came into a tree: never announced"),
    rescans: metrics.counter("rescans", "times that a new folder, or a tree for a gap, was looked through", ["of"]),
    found: metrics.counter("found_by_rescan", "files that were found by looking, not by an event"),
    latency: metrics.histogram("announce_latency_seconds", "from a file's last change to the spool", latencyBuckets),
    confirmLatency: metrics.histogram("confirm_latency_seconds", "from the spool to the confirm", latencyBuckets),
  };
}
