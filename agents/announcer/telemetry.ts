import { UserError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { AnnouncerEvents } from "./announcer.ts";
import type { ReannouncerEvents } from "./reannouncer.ts";

/** The last rejected products, for `/health`: what, and why. */
export interface Rejection {
  readonly path: string;
  readonly reason: string;
}

export interface Telemetry extends AnnouncerEvents, ReannouncerEvents {
  /** The broker has the announcement, this long after it was made. */
  confirmed(waitedMs: number): void;
  /** The broker did not take it; it is sent again. */
  refused(outcome: string): void;
  readonly announcedCount: number;
  readonly rejections: readonly Rejection[];
  /** What keeps the tree from being watched; undefined where nothing does. */
  readonly watchTrouble: string | undefined;
}

const rejectionsListed = 20;
const latencyBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60];

/** Counts and logs what the announcer does. `spooled` and `waiting` are asked for when the metrics are. */
export function openTelemetry(
  log: Log,
  metrics: Metrics,
  counts: { spooled(): number; waiting(): number; journaled(): number },
): Telemetry {
  const announced = metrics.counter("announced", "products announced: safe in the spool, on their way to the broker");
  const confirmed = metrics.counter("confirmed", "announcements that the broker has confirmed");
  const refused = metrics.counter("publish_failures", "attempts to publish that failed, by outcome", ["outcome"]);
  const rejected = metrics.counter("rejected", "products that can't be announced");
  const irregular = metrics.counter("irregular", "links, pipes and the like that came into the tree: never announced");
  const reannounced = metrics.counter("reannounced", "confirmed announcements made again after a new connection");
  const gaps = metrics.counter("rescans", "times that a folder or the tree was looked through");
  const found = metrics.counter("found_by_rescan", "products that were found by looking, not by an event");
  const latency = metrics.histogram(
    "announce_latency_seconds",
    "from a product's last change to the spool",
    latencyBuckets,
  );
  const confirmLatency = metrics.histogram("confirm_latency_seconds", "from the spool to the confirm", latencyBuckets);
  metrics.gauge("spooled", "announcements waiting for their confirm", (gauge) => gauge.set(counts.spooled()));
  metrics.gauge("arrivals_waiting", "arrivals not announced yet", (gauge) => gauge.set(counts.waiting()));
  metrics.gauge("journal_entries", "announced files remembered", (gauge) => gauge.set(counts.journaled()));
  const rejections: Rejection[] = [];
  let announcedCount = 0;
  let watchTrouble: string | undefined;
  return {
    get announcedCount() {
      return announcedCount;
    },
    get rejections() {
      return rejections;
    },
    get watchTrouble() {
      return watchTrouble;
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
        "connected anew: what was confirmed lately is announced again, in case the broker has lost it",
      );
    },
    reannounced() {
      reannounced.inc();
    },
    refused(outcome) {
      refused.inc({ outcome });
    },
    rejected(path, reason) {
      rejected.inc();
      rejections.push({ path, reason });
      if (rejections.length > rejectionsListed) rejections.shift();
      log.warn({ path, reason }, "product can't be announced");
    },
    waiting(error) {
      log.error({ reason: error.message }, "announcing stands still, nothing is lost: trying again every second");
    },
    irregular(path) {
      irregular.inc();
      log.info({ path }, "not announced: it is no file, or behind a symbolic link");
    },
    scanned(reason, counts) {
      gaps.inc();
      // New folders are everyday; a look at the whole tree has a reason worth reading.
      if (reason === undefined) log.debug(counts, "looked through a new folder");
      else log.info({ reason, ...counts }, "looked through the tree for what no event told");
    },
    unreadable(folder, reason) {
      log.error({ folder, reason }, "the folder can't be read: products in it are not announced");
    },
    trouble(error) {
      watchTrouble = error instanceof UserError ? error.format() : error.message;
      log.error({ reason: watchTrouble }, "the tree is not watched as it should be; it is looked through meanwhile");
    },
    recovered() {
      watchTrouble = undefined;
      log.info("the tree is watched again");
    },
  };
}
