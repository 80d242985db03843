import { UserError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { Notice, NoticeOutcome } from "../lib/side-notices.ts";
import type { AnnouncerEvents } from "./announcer.ts";
import type { ReannouncerEvents } from "./reannouncer.ts";

/** A recently rejected product, for `/health`. */
export interface Rejection {
  readonly path: string;
  readonly reason: string;
}

export interface Telemetry extends AnnouncerEvents, ReannouncerEvents {
  /** The broker confirmed the announcement, this long after it was spooled. */
  confirmed(waitedMs: number): void;
  /** The broker did not confirm it; it will be sent again. */
  refused(outcome: string): void;
  /** Copies for auditors. */
  copied(outcome: NoticeOutcome, notice: Notice): void;
  readonly announcedCount: number;
  readonly rejections: readonly Rejection[];
  /** Why the tree is not watched; undefined while it is. */
  readonly watchProblem: string | undefined;
}

const rejectionsListed = 20;
const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Counts and logs what the announcer does. `counts` are read at each request for metrics. */
export function openTelemetry(
  log: Log,
  metrics: Metrics,
  counts: { spooled(): number; waiting(): number; journaled(): number },
): Telemetry {
  const announced = metrics.counter("announced", "products announced: safe in the spool, to be sent to the broker");
  const confirmed = metrics.counter("confirmed", "announcements confirmed by the broker");
  const copies = metrics.counter("copies", "copies of confirmed announcements, sent to auditors, by outcome", [
    "outcome",
  ]);
  const refused = metrics.counter("publish_failures", "failed attempts to publish, by outcome", ["outcome"]);
  const rejected = metrics.counter("rejected", "products that could not be announced");
  const irregular = metrics.counter("irregular", "links, pipes and the like in the tree; never announced");
  const reannounced = metrics.counter("reannounced", "confirmed announcements published again after a reconnection");
  const gaps = metrics.counter("rescans", "scans of a new folder or of the tree");
  const found = metrics.counter("found_by_rescan", "products found by a scan, not by an event");
  const latency = metrics.histogram(
    "announce_latency_seconds",
    "from a product's last change to the spool",
    latencyBuckets,
  );
  const confirmLatency = metrics.histogram("confirm_latency_seconds", "from the spool to the confirm", latencyBuckets);
  metrics.gauge("spooled", "announcements waiting for a confirm", (gauge) => gauge.set(counts.spooled()));
  metrics.gauge("arrivals_waiting", "arrivals that are not announced yet", (gauge) => gauge.set(counts.waiting()));
  metrics.gauge("journal_entries", "announced files remembered", (gauge) => gauge.set(counts.journaled()));
  const rejections: Rejection[] = [];
  let announcedCount = 0;
  let watchProblem: string | undefined;
  return {
    get announcedCount() {
      return announcedCount;
    },
    get rejections() {
      return rejections;
    },
    get watchProblem() {
      return watchProblem;
    },
    announced(path, latencyMs) {
      announcedCount += 1;
      announced.inc();
      if (latencyMs === undefined) found.inc();
      else latency.observe(latencyMs / 1000);
      log.debug({ path, latencyMs }, "announced");
    },
    confirmed(waitedMs) {
      confirmed.inc();
      confirmLatency.observe(waitedMs / 1000);
    },
    reannouncing(count) {
      log.warn(
        { count },
        "reconnected: recently confirmed announcements are published again, in case the broker has lost them",
      );
    },
    reannounced() {
      reannounced.inc();
    },
    refused(outcome) {
      refused.inc({ outcome });
    },
    copied(outcome, { count }) {
      copies.inc({ outcome }, count);
    },
    rejected(path, reason) {
      rejected.inc();
      rejections.push({ path, reason });
      if (rejections.length > rejectionsListed) rejections.shift();
      log.warn({ path, reason }, "product can't be announced");
    },
    waiting(error) {
      log.error({ reason: error.message }, "announcing is paused: nothing is lost, retrying every second");
    },
    irregular(path) {
      irregular.inc();
      log.info({ path }, "not announced: not a regular file, or behind a symbolic link");
    },
    scanned(reason, counts) {
      gaps.inc();
      // New folders are routine; a scan of the whole tree has a reason worth logging.
      if (reason === undefined) log.debug(counts, "scanned a new folder");
      else log.info({ reason, ...counts }, "scanned the tree for files without an event");
    },
    unreadable(folder, reason) {
      log.error({ folder, reason }, "can't read the folder: products in it are not announced");
    },
    trouble(error) {
      watchProblem = error instanceof UserError ? error.format() : error.message;
      log.error(
        { reason: watchProblem },
        "the tree is not fully watched; it is scanned instead until that is repaired",
      );
    },
    recovered() {
      watchProblem = undefined;
      log.info("the tree is watched again");
    },
  };
}
