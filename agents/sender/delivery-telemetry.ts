import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { DeliveryEvents } from "./delivery-destination.ts";
import type { LinkEvents } from "./server-link.ts";

/** The current state of a delivery, for gauges. */
export interface DeliveryState {
  readonly isConnected: boolean;
  readonly heldCount: number;
}

/** Counts and logs what happens between the sender and one server, `url`. */
export function openDeliveryTelemetry(
  { log, metrics }: { readonly log: Log; readonly metrics: Metrics },
  url: string,
  state: () => DeliveryState,
): DeliveryEvents & LinkEvents {
  const failed = metrics.counter("failed", "failed attempts to deliver, by reason", ["reason"]);
  const connects = metrics.counter("connects", "logins to the server");
  const unreachable = metrics.counter("unreachable", "failed logins");
  const removed = metrics.counter("leftovers_removed", "partial files of interrupted uploads, removed from the server");
  metrics.gauge("connected", "1 while there is a connection to the server", (gauge) =>
    gauge.set(state().isConnected ? 1 : 0),
  );
  metrics.gauge("held", "files, directories and servers that refused and are not retried for a while", (gauge) =>
    gauge.set(state().heldCount),
  );
  return {
    refused: (reason) => failed.inc({ reason }),
    held: (subject, reason) =>
      log.warn({ server: url, subject, reason }, "refused: nothing is lost, other files continue, retrying"),
    released: (subject) => log.info({ server: url, subject }, "accepted again"),
    cleaned(partsCount) {
      removed.inc(partsCount);
      log.info({ server: url, partsCount }, "removed partial files of interrupted uploads");
    },
    notRecorded: (reason) =>
      log.warn({ reason }, "can't record the uploads in flight: partial files may stay on the server after a kill"),
    connected() {
      connects.inc();
      log.info({ server: url }, "connected");
    },
    unreachable(reason, pauseMs) {
      unreachable.inc();
      log.warn({ server: url, reason, pauseMs }, "no connection: files wait, retrying");
    },
    disconnected: (reason) => log.info({ server: url, reason }, "disconnected"),
  };
}
