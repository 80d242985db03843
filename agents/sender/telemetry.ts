import type { Log } from "../lib/log.ts";
import { logEvents } from "../lib/log-events.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { AmqpDestinationEvents } from "./amqp-destination.ts";
import type { SenderEvents } from "./ports.ts";

export interface Counts {
  readonly deliveredCount: number;
  readonly asideCount: number;
  readonly rejectedCount: number;
  /** When the oldest file of the last scan was written, in milliseconds since 1970. */
  readonly oldestMs: number | undefined;
}

export interface Telemetry extends SenderEvents, AmqpDestinationEvents {
  readonly counts: Counts;
}

const latencyBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
/** Decimals of `lat` and `speed` in Sundew's log line. */
const decimals = 6;

/**
 * The log line of Sundew's senders of type amqp for each delivery: `lat` is seconds since the file was written, `speed` is bytes a second.
 * The two spaces before "delivered" stay, since scripts grep for the line.
 */
export function deliveredLine(name: string, bytes: number, latencyMs: number, durationMs: number): string {
  return `(${bytes} Bytes) Message ${name}  delivered ${timesOf(bytes, latencyMs, durationMs)}`;
}

/** The log line of its senders that deliver: with the file's path, one space, and `to`, the URL of the delivery. */
function deliveredToLine(path: string, to: string, bytes: number, latencyMs: number, durationMs: number): string {
  return `(${bytes} Bytes) File ${path} delivered to ${to} ${timesOf(bytes, latencyMs, durationMs)}`;
}

function timesOf(bytes: number, latencyMs: number, durationMs: number): string {
  const speed = durationMs > 0 ? (bytes * 1000) / durationMs : 0;
  return `(lat=${(latencyMs / 1000).toFixed(decimals)},speed=${speed.toFixed(decimals)})`;
}

/** Counts and logs what the sender does. */
export function openTelemetry(log: Log, metrics: Metrics, waiting: () => number): Telemetry {
  const delivered = metrics.counter(
    "delivered",
    "files delivered: confirmed by the broker, or complete on the server with their notification written",
  );
  const bytes = metrics.counter("delivered_bytes", "bytes of these files");
  const duplicates = metrics.counter("duplicates", "files not sent because the same content was sent before");
  const rejected = metrics.counter("rejected", "files rejected by a rule, or matching none", ["by"]);
  const aside = metrics.counter("set_aside", "files that can't be sent, set aside with the reason");
  const again = metrics.counter("sent_again", "possible repeats, sent after a kill or a lost connection");
  const later = metrics.counter("put_off", "failed attempts that will be retried");
  const unrouted = metrics.counter("unrouted", "confirmed messages that reached no queue");
  const leftOut = metrics.counter("formats_left_out", "announcements left out in a format that can't express them", [
    "format",
  ]);
  const localFaults = metrics.counter("local_faults", "times that files of the txq could no longer be processed");
  const latency = metrics.histogram("latency_seconds", "from a file's last change to its delivery", latencyBuckets);
  const counts = { deliveredCount: 0, asideCount: 0, rejectedCount: 0, oldestMs: undefined as number | undefined };
  metrics.gauge("waiting", "known waiting files", (gauge) => gauge.set(waiting()));
  metrics.gauge("oldest_seconds", "age of the oldest file in the last scan", (gauge) =>
    gauge.set(counts.oldestMs === undefined ? 0 : Math.max(0, (Date.now() - counts.oldestMs) / 1000)),
  );
  return {
    counts,
    delivered(file, { bytes: size, durationMs, to }) {
      counts.deliveredCount += 1;
      delivered.inc();
      bytes.inc(size);
      const latencyMs = Math.max(0, Date.now() - file.modifiedMs);
      latency.observe(latencyMs / 1000);
      const line =
        to === undefined
          ? deliveredLine(file.name, size, latencyMs, durationMs)
          : deliveredToLine(file.path, to, size, latencyMs, durationMs);
      const facts = { fileName: file.name, bytes: size, latencyMs: Math.round(latencyMs) };
      log.info({ event: logEvents.delivered, ...facts }, line);
    },
    duplicate(file) {
      duplicates.inc();
      log.info({ fileName: file.name }, "not sent: the same content was sent before");
    },
    rejected(name, pattern) {
      counts.rejectedCount += 1;
      rejected.inc({ by: pattern === undefined ? "none" : "rule" });
      log.info({ fileName: name, pattern }, "not sent: rejected by the rules");
    },
    setAside(name, reason) {
      counts.asideCount += 1;
      aside.inc();
      log.warn({ fileName: name, reason }, "file set aside");
    },
    again(file) {
      again.inc();
      log.warn({ fileName: file.name }, "sent again: an earlier attempt may have succeeded");
    },
    later(file, reason) {
      later.inc();
      log.debug({ fileName: file.name, reason }, "not sent yet, retrying");
    },
    unrouted(routingKey) {
      unrouted.inc();
      log.debug({ routingKey }, "the message reached no queue");
    },
    leftOut(name, format, reason) {
      leftOut.inc({ format });
      log.warn({ fileName: name, format, reason }, "not announced in one format");
    },
    localFault(reason) {
      localFaults.inc();
      log.error({ reason }, "can't process all files of the txq: nothing is lost, retrying");
    },
    localCleared() {
      log.info("all files of the txq can be processed again");
    },
    scanned(filesCount, oldestMs) {
      counts.oldestMs = oldestMs;
      if (filesCount > 0) log.debug({ filesCount }, "files to send");
    },
  };
}
