import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { BridgeEvents } from "./bridge.ts";

export interface Telemetry extends BridgeEvents {
  readonly counts: { readonly bridgedCount: number };
}

/** Counts and logs what the bridge does. */
export function openTelemetry(log: Log, metrics: Metrics): Telemetry {
  const bridged = metrics.counter("bridged", "announcements of which the broker has every translation");
  const published = metrics.counter("published", "their translations");
  const unclaimed = metrics.counter("unclaimed", "of those, the ones that no queue took");
  const passedOver = metrics.counter("passed_over", "posts of what was removed, of links and folders");
  const failed = metrics.counter("failed", "translations that were not taken and are sent again, by outcome", [
    "outcome",
  ]);
  const counts = { bridgedCount: 0 };
  return {
    counts,
    bridged(routingKey, messages) {
      counts.bridgedCount += 1;
      bridged.inc();
      published.inc(messages);
      log.debug({ routingKey, messages }, "bridged");
    },
    passedOver(routingKey) {
      passedOver.inc();
      log.debug({ routingKey }, "passed over: there is nothing to fetch");
    },
    unclaimed(routingKey) {
      unclaimed.inc();
      log.debug({ routingKey }, "no queue takes it");
    },
    failed(routingKey, outcome) {
      failed.inc({ outcome });
      log.warn({ routingKey, outcome }, "not taken by the broker; sent again");
    },
  };
}
