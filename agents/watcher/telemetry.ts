import type { WireFormat } from "../lib/codecs.ts";
import { UserError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { WatcherEvents } from "./ports.ts";

/** A recent file that could not be announced, for `/health`. */
export interface Rejection {
  readonly path: string;
  readonly reason: string;
}

export interface Telemetry extends WatcherEvents {
  /** The broker confirmed the message, this long after it was spooled. */
  confirmed(routingKey: string, waitedMs: number): void;
  /** It reached no queue and is dropped. */
  unclaimed(routingKey: string): void;
  /** The broker did not confirm it; it will be sent again. */
  refused(outcome: string): void;
  readonly announcedCount: number;
  readonly rejections: readonly Rejection[];
  /** Why a tree is not watched; undefined while all are. */
  readonly watchProblem: string | undefined;
}

const rejectionsListed = 20;
const latencyBuckets = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

interface Counts {
  spooled(): number;
  waiting(): number;
  journaled(): number;
  /** The format of a message, by its routing key. */
  formatOf(routingKey: string): WireFormat | "unknown";
}

/** Counts and logs what the watcher does. `counts` are read at each request for metrics. */
export function openTelemetry(log: Log, metrics: Metrics, counts: Counts): Telemetry {
  const counters = openCounters(metrics);
  metrics.gauge("spooled", "messages waiting for a confirm", (gauge) => gauge.set(counts.spooled()));
  metrics.gauge("arrivals_waiting", "arrivals that are not announced yet", (gauge) => gauge.set(counts.waiting()));
  metrics.gauge("journal_entries", "announced files remembered", (gauge) => gauge.set(counts.journaled()));
  const rejections: Rejection[] = [];
  const problems = new Map<string, string>();
  let announcedCount = 0;
  return {
    get announcedCount() {
      return announcedCount;
    },
    get rejections() {
      return rejections;
    },
    get watchProblem() {
      return problems.values().next().value;
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
      log.debug({ path }, "changed while it was being read");
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
      log.error({ reason: error.message }, "announcing is paused: nothing is lost, retrying every second");
    },
    irregular(path) {
      counters.irregular.inc();
      log.info({ path }, "not announced: not a regular file, or behind a symbolic link");
    },
    scanned(folder, reason, counts) {
      counters.rescans.inc({ of: reason === undefined ? "folder" : "tree" });
      // New folders are routine; a scan of a whole tree has a reason worth logging.
      if (reason === undefined) log.debug({ folder, ...counts }, "scanned a new folder");
      else log.info({ folder, reason, ...counts }, "scanned the tree for files without an event");
    },
    unreadable(folder, reason) {
      log.error({ folder, reason }, "can't read the folder: files in it are not announced");
    },
    trouble(tree, error) {
      const reason = error instanceof UserError ? error.format() : error.message;
      problems.set(tree, reason);
      log.error({ tree, reason }, "the tree is not fully watched; it is scanned instead until that is repaired");
    },
    recovered(tree) {
      problems.delete(tree);
      problems.delete("");
      log.info({ tree }, "the tree is watched again");
    },
  };
}

function openCounters(metrics: Metrics) {
  return {
    announced: metrics.counter("announced", "files announced: safe in the spool, to be sent to the broker"),
    confirmed: metrics.counter("confirmed", "messages confirmed by the broker, by format", ["format"]),
    unclaimed: metrics.counter("unclaimed", "messages that reached no queue, by format", ["format"]),
    refused: metrics.counter("publish_failures", "failed attempts to publish, by outcome", ["outcome"]),
    rejected: metrics.counter("rejected", "files that could not be announced in some format"),
    remembered: metrics.counter("remembered", "files that existed before the first start and are not announced"),
    gone: metrics.counter("gone", "files removed before they could be read"),
    rewritten: metrics.counter("rewritten", "files changed while they were being read"),
    irregular: metrics.counter("irregular", "links, pipes and the like in a tree; never announced"),
    rescans: metrics.counter("rescans", "scans of a new folder, or of a tree after a gap", ["of"]),
    found: metrics.counter("found_by_rescan", "files found by a scan, not by an event"),
    latency: metrics.histogram("announce_latency_seconds", "from a file's last change to the spool", latencyBuckets),
    confirmLatency: metrics.histogram("confirm_latency_seconds", "from the spool to the confirm", latencyBuckets),
  };
}
