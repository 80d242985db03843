import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { PullerEvents } from "./puller.ts";

export interface Telemetry extends PullerEvents {
  readonly pulledCount: number;
  readonly deadLetteredCount: number;
}

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Counts and logs what the puller does. A pulled product's line is what Sundew's log of a reception says. */
export function openTelemetry(log: Log, metrics: Metrics): Telemetry {
  const pulled = metrics.counter("pulled", "products placed in the receiver queue");
  const bytes = metrics.counter("pulled_bytes", "their bytes");
  const there = metrics.counter("already_there", "announcements given out again whose product was placed before");
  const retries = metrics.counter("retries", "tries that failed and are made again, by cause", ["cause"]);
  const deadLettered = metrics.counter("dead_lettered", "announcements put aside with the reason");
  const localFaults = metrics.counter("local_faults", "times that this host began to take no products, by code", [
    "code",
  ]);
  const duration = metrics.histogram("pull_duration_seconds", "from announcement to placed product", durationBuckets);
  let pulledCount = 0;
  let deadLetteredCount = 0;
  return {
    get pulledCount() {
      return pulledCount;
    },
    get deadLetteredCount() {
      return deadLetteredCount;
    },
    pulled(order, size, durationMs) {
      pulledCount += 1;
      pulled.inc();
      bytes.inc(size);
      duration.observe(durationMs / 1000);
      log.info({ fileName: order.fileName, bytes: size, durationMs: Math.round(durationMs) }, "pulled");
    },
    alreadyThere(order) {
      there.inc();
      log.info({ fileName: order.fileName }, "given out again, but placed before: not pulled twice");
    },
    retried(order, cause, text, delayMs) {
      retries.inc({ cause });
      log.warn({ url: order.url, cause, reason: text, delayMs }, "pull failed, trying again");
    },
    gaveUp() {
      deadLetteredCount += 1;
      deadLettered.inc();
    },
    localFault(fault) {
      localFaults.inc({ code: fault.code });
      log.error({ reason: fault.message }, "this host takes no products; nothing is lost, trying again");
    },
    localCleared() {
      log.info("this host takes products again");
    },
  };
}
