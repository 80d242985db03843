import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { BridgeEvents } from "./bridge.ts";

export interface Telemetry extends BridgeEvents {
  readonly counts: { readonly bridgedCount: number };
}

/** Counts and logs what the bridge does. */
export function openTelemetry(log: Log, metrics: Metrics): Telemetry {
  const bridged = metrics.counter("bridged", "announcements whose translations are all confirmed");
  const published = metrics.counter("published", "translations published");
  const unclaimed = metrics.counter("unclaimed", "translations that reached no queue");
  const passedOver = metrics.counter("passed_over", "skipped posts: removals, links and folders");
  const failed = metrics.counter("failed", "translations that were not confirmed and are sent again, by outcome", [
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
      log.debug({ routingKey }, "skipped: there is nothing to fetch");
    },
    unclaimed(routingKey) {
      unclaimed.inc();
      log.debug({ routingKey }, "the message reached no queue");
    },
    failed(routingKey, outcome) {
      failed.inc({ outcome });
      log.warn({ routingKey, outcome }, "the broker did not confirm the message; sending it again");
    },
  };
}
