import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { SilentOrigin } from "./origins.ts";
import type { PullerEvents } from "./ports.ts";
import type { ReceiptOutcome } from "./receipts.ts";

export interface Counts {
  readonly pulledCount: number;
  /** Of those, by what a puller had asked for. */
  readonly twinsPulledCount: number;
  readonly askedCount: number;
  readonly deadLetteredCount: number;
}

export interface Telemetry extends PullerEvents {
  readonly counts: Counts;
  receipt(outcome: ReceiptOutcome): void;
  /** Waited for in vain. */
  peersSilent(others: readonly string[]): void;
  /** The connection is dropped, since messages wait and the broker gives none. */
  starved(): void;
}

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Counts and logs what the puller does. A pulled product's line is what Sundew's log of a reception says. */
export function openTelemetry(log: Log, metrics: Metrics, silentOrigins: () => readonly SilentOrigin[]): Telemetry {
  const pulled = metrics.counter("pulled", "products placed in the receiver queue");
  const bytes = metrics.counter("pulled_bytes", "their bytes");
  const there = metrics.counter(
    "already_there",
    "announcements given out again whose product was placed before, by where: here, another",
    ["where"],
  );
  const silentPeers = metrics.counter(
    "peers_silent",
    "pullers that did not say what they had of a product, and were waited for in vain",
  );
  const retries = metrics.counter("retries", "tries that failed and are made again, by cause", ["cause"]);
  const deadLettered = metrics.counter("dead_lettered", "announcements put aside with the reason");
  const localFaults = metrics.counter("local_faults", "times that this host began to take no products, by code", [
    "code",
  ]);
  const duration = metrics.histogram("pull_duration_seconds", "from announcement to placed product", durationBuckets);
  const receipts = metrics.counter("receipts", "products that the dispatchers were told of, by outcome", ["outcome"]);
  const asked = metrics.counter("alternates_asked", "announcements whose twin was asked for, as they can't be pulled");
  const refused = metrics.counter("alternates_refused", "the same where nobody could be asked");
  const twins = metrics.counter("alternates_pulled", "products placed by a twin that was asked for");
  const twinsFailed = metrics.counter(
    "alternates_failed",
    "twins that were asked for and put aside, as they failed too",
  );
  const starved = metrics.counter("starved", "connections dropped, as messages waited and the broker gave none");
  metrics.gauge("origins_silent", "servers taken for dead: their products are asked for elsewhere at once", (gauge) =>
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
      log.info({ fileName: order.fileName, bytes: size, durationMs: Math.round(durationMs) }, "pulled");
    },
    alreadyThere(order, where) {
      there.inc({ where });
      log.info({ fileName: order.fileName, where }, "given out again, but placed before: not pulled twice");
    },
    peersSilent(others) {
      silentPeers.inc(others.length);
      log.warn(
        { others },
        "no word from other pullers on what is given out again: where they had placed it, it comes twice",
      );
    },
    retried(order, cause, text, delayMs) {
      retries.inc({ cause });
      log.warn({ url: order.url, cause, reason: text, delayMs }, "pull failed, trying again");
    },
    alternateAsked(what) {
      counts.askedCount += 1;
      asked.inc();
      log.warn({ reason: what }, "not pulled: asked for the product's other announcement");
    },
    askedBefore(order) {
      log.info({ url: order.url }, "given out again, but its other announcement is asked for: done with");
    },
    alternateRefused(reason) {
      refused.inc();
      log.warn({ reason }, "the other announcement can't be asked for");
    },
    gaveUp(_reason, from) {
      counts.deadLetteredCount += 1;
      deadLettered.inc();
      if (from === "twin") twinsFailed.inc();
    },
    originSilent(origin) {
      log.error(
        { origin: origin.origin, reason: origin.text },
        "a server gives no answer: its products are asked for elsewhere at once, and it is tried now and then",
      );
    },
    originAnswered(origin) {
      log.info({ origin }, "the server answers again");
    },
    starved() {
      starved.inc();
    },
    receipt(outcome) {
      receipts.inc({ outcome });
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
