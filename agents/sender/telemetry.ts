import type { Log } from "../lib/log.ts";
import { logEvents } from "../lib/log-events.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { AmqpDestinationEvents } from "./amqp-destination.ts";
import type { SenderEvents } from "./ports.ts";

export interface Counts {
  readonly deliveredCount: number;
  readonly asideCount: number;
  readonly rejectedCount: number;
  /** When the oldest file that the last look found was written, in milliseconds since 1970. */
  readonly oldestMs: number | undefined;
}

export interface Telemetry extends SenderEvents, AmqpDestinationEvents {
  readonly counts: Counts;
}

const latencyBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];
/** `lat` and `speed` of the old log line have six decimals. */
const decimals = 6;

/**
 * What Sundew's senders of type amqp wrote for each delivery: `lat` is seconds since the file was written, `speed` bytes a second. Two
 * spaces stand before "delivered", for whoever greps.
 */
export function deliveredLine(name: string, bytes: number, latencyMs: number, durationMs: number): string {
  return `(${bytes} Bytes) Message ${name}  delivered ${timesOf(bytes, latencyMs, durationMs)}`;
}

/** The same of its senders to servers: with the file's path, one space, and `to`, the URL that it went to. */
export function deliveredToLine(
  path: string,
  to: string,
  bytes: number,
  latencyMs: number,
  durationMs: number,
): string {
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
    "files delivered: confirmed by the broker, or whole on the server and told of",
  );
  const bytes = metrics.counter("delivered_bytes", "their bytes");
  const duplicates = metrics.counter("duplicates", "files not sent, as their content was sent before");
  const rejected = metrics.counter("rejected", "files that a rule rejected, or that none accepted", ["by"]);
  const aside = metrics.counter("set_aside", "files put aside with the reason, as they can't be sent");
  const again = metrics.counter(
    "sent_again",
    "files sent that may have been sent before: after a kill or a lost connection",
  );
  const later = metrics.counter("put_off", "tries that failed and are made again");
  const unrouted = metrics.counter("unrouted", "confirmed messages that no queue took");
  const leftOut = metrics.counter("formats_left_out", "announcements that can't be made in a format", ["format"]);
  const localFaults = metrics.counter("local_faults", "times that this host began to keep files from being taken");
  const latency = metrics.histogram("latency_seconds", "from a file's last change to its delivery", latencyBuckets);
  const counts = { deliveredCount: 0, asideCount: 0, rejectedCount: 0, oldestMs: undefined as number | undefined };
  metrics.gauge("waiting", "files known to wait", (gauge) => gauge.set(waiting()));
  metrics.gauge("oldest_seconds", "age of the oldest file that the last look found", (gauge) =>
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
      log.warn({ fileName: name, reason }, "file put aside");
    },
    again(file) {
      again.inc();
      log.warn({ fileName: file.name }, "sent again: an earlier try may have come through");
    },
    later(file, reason) {
      later.inc();
      log.debug({ fileName: file.name, reason }, "not sent yet, trying again");
    },
    unrouted(routingKey) {
      unrouted.inc();
      log.debug({ routingKey }, "no queue took the message");
    },
    leftOut(name, format, reason) {
      leftOut.inc({ format });
      log.warn({ fileName: name, format, reason }, "not announced in a format");
    },
    localFault(reason) {
      localFaults.inc();
      log.error({ reason }, "files can't be taken as they should be; nothing is lost, trying again");
    },
    localCleared() {
      log.info("files are taken again");
    },
    looked(filesCount, oldestMs) {
      counts.oldestMs = oldestMs;
      if (filesCount > 0) log.debug({ filesCount }, "files to be sent");
    },
  };
}
