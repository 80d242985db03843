import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { DeliveryEvents } from "./delivery-destination.ts";
import type { LinkEvents } from "./server-link.ts";

/** What can be asked of a delivery at any time. */
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
  const failed = metrics.counter("failed", "tries that failed, by what was against it", ["reason"]);
  const connects = metrics.counter("connects", "logins at the server");
  const unreachable = metrics.counter("unreachable", "logins that failed");
  const removed = metrics.counter(
    "leftovers_removed",
    "parts of files removed from the server that were never finished",
  );
  metrics.gauge("connected", "1 while there is a connection to the server", (gauge) =>
    gauge.set(state().isConnected ? 1 : 0),
  );
  metrics.gauge("held", "files, directories and servers that refused, and are left in peace for a while", (gauge) =>
    gauge.set(state().heldCount),
  );
  return {
    refused: (reason) => failed.inc({ reason }),
    held: (subject, reason) =>
      log.warn({ server: url, subject, reason }, "refused: nothing is lost, others go on, trying again"),
    released: (subject) => log.info({ server: url, subject }, "taken again"),
    cleaned(partsCount) {
      removed.inc(partsCount);
      log.info({ server: url, partsCount }, "removed what was never finished");
    },
    unnoted: (reason) =>
      log.warn({ reason }, "what is under way can't be noted: parts may stay on the server after a kill"),
    connected() {
      connects.inc();
      log.info({ server: url }, "connected");
    },
    unreachable(reason, pauseMs) {
      unreachable.inc();
      log.warn({ server: url, reason, pauseMs }, "no connection: files wait, trying again");
    },
    disconnected: (reason) => log.info({ server: url, reason }, "disconnected"),
  };
}
