import type { Log } from "../lib/log.ts";
import { durationBuckets, type Metrics } from "../lib/metrics.ts";
import type { NoticeOutcome } from "../lib/side-notices.ts";
import type { SilentOrigin } from "./origins.ts";
import type { PullerEvents } from "./ports.ts";

export interface Counts {
  readonly pulledCount: number;
  /** Of those, pulled by a requested twin. */
  readonly twinsPulledCount: number;
  readonly askedCount: number;
  readonly deadLetteredCount: number;
}

export interface Telemetry extends PullerEvents {
  readonly counts: Counts;
  receipt(outcome: NoticeOutcome, count?: number): void;
  /** They did not answer in time. */
  peersSilent(others: readonly string[]): void;
  /** The connection is dropped because messages wait and the broker delivers none. */
  starved(): void;
}

/** Counts and logs what the puller does. A pulled product's log line has the fields of Sundew's log of a reception. */
export function openTelemetry(log: Log, metrics: Metrics, silentOrigins: () => readonly SilentOrigin[]): Telemetry {
  const pulled = metrics.counter("pulled", "products placed in the receiver queue");
  const bytes = metrics.counter("pulled_bytes", "bytes of the products placed");
  const alreadyThere = metrics.counter(
    "already_there",
    "redelivered announcements whose product was placed before, by where: here, another",
    ["where"],
  );
  const silentPeers = metrics.counter(
    "peers_silent",
    "times that a puller did not answer in time what it had done with a product",
  );
  const retries = metrics.counter("retries", "failed attempts that are retried, by cause", ["cause"]);
  const deadLettered = metrics.counter("dead_lettered", "announcements dead-lettered with the reason");
  const localFaults = metrics.counter("local_faults", "times that this host stopped accepting products, by code", [
    "code",
  ]);
  const duration = metrics.histogram(
    "pull_duration_seconds",
    "time from when the puller got the announcement to the placed product",
    durationBuckets,
  );
  const closedToPlaced = metrics.histogram(
    "closed_to_placed_seconds",
    "time from when the product's file was complete on a radar server to the placed product, by the clocks of both hosts",
    durationBuckets,
  );
  const receipts = metrics.counter("receipts", "receipts sent to the dispatchers, by outcome", ["outcome"]);
  const asked = metrics.counter("alternates_asked", "announcements that can't be pulled and whose twin was requested");
  const refused = metrics.counter(
    "alternates_refused",
    "announcements that can't be pulled and whose twin could not be requested",
  );
  const twins = metrics.counter("alternates_pulled", "products placed by a requested twin");
  const twinsFailed = metrics.counter("alternates_failed", "requested twins that failed too and were dead-lettered");
  const starved = metrics.counter("starved", "reconnects because messages waited and the broker delivered none");
  metrics.gauge("origins_silent", "servers considered dead: their products are requested elsewhere at once", (gauge) =>
    gauge.set(silentOrigins().length),
  );
  const counts = { pulledCount: 0, twinsPulledCount: 0, askedCount: 0, deadLetteredCount: 0 };
  return {
    get counts() {
      return counts;
    },
    pulled(order, size, durationMs, from) {
      counts.pulledCount += 1;
      pulled.inc();
      if (from === "twin") {
        counts.twinsPulledCount += 1;
        twins.inc();
      }
      bytes.inc(size);
      duration.observe(durationMs / 1000);
      // A puller's clock may be behind.
      if (order.closedMs !== undefined) closedToPlaced.observe(Math.max(0, Date.now() - order.closedMs) / 1000);
      log.info({ fileName: order.fileName, bytes: size, durationMs: Math.round(durationMs) }, "pulled");
    },
    alreadyThere(order, where) {
      alreadyThere.inc({ where });
      log.info({ fileName: order.fileName, where }, "redelivered, but placed before: not pulled again");
    },
    peersSilent(others) {
      silentPeers.inc(others.length);
      log.warn(
        { others },
        "other pullers did not answer about a redelivered announcement: if one had placed the product, it is placed twice",
      );
    },
    retried(order, cause, text, delayMs) {
      retries.inc({ cause });
      log.warn({ url: order.url, cause, reason: text, delayMs }, "pull failed, trying again");
    },
    alternateAsked(what) {
      counts.askedCount += 1;
      asked.inc();
      log.warn({ reason: what }, "not pulled: requested the product's other announcement");
    },
    askedBefore(order) {
      log.info({ url: order.url }, "redelivered, but its other announcement is already requested: nothing to do");
    },
    alternateRefused(reason) {
      refused.inc();
      log.warn({ reason }, "the other announcement can't be requested");
    },
    gaveUp(_reason, from) {
      counts.deadLetteredCount += 1;
      deadLettered.inc();
      if (from === "twin") twinsFailed.inc();
    },
    originSilent(origin) {
      log.error(
        { origin: origin.origin, reason: origin.text },
        "server does not answer: its products are requested elsewhere at once, and it is probed periodically",
      );
    },
    originAnswered(origin) {
      log.info({ origin }, "server answers again");
    },
    starved() {
      starved.inc();
    },
    receipt(outcome, count = 1) {
      receipts.inc({ outcome }, count);
    },
    localFault(fault) {
      localFaults.inc({ code: fault.code });
      log.error({ reason: fault.message }, "this host accepts no products: retrying, nothing is lost");
    },
    localCleared() {
      log.info("this host accepts products again");
    },
  };
}
