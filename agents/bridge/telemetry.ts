import { announcementUrl } from "../lib/announcement.ts";
import type { Log } from "../lib/log.ts";
import type { Metrics } from "../lib/metrics.ts";
import type { BridgeEvents } from "./bridge.ts";
import type { GlobalBrokerEvents } from "./global-brokers.ts";
import type { IntakeEvents } from "./intake.ts";

export interface Telemetry extends BridgeEvents, GlobalBrokerEvents, IntakeEvents {
  readonly counts: { readonly bridgedCount: number };
}

/** Characters of a topic that are logged. */
const shownMax = 255;

/** Counts and logs what the bridge does. */
export function openTelemetry(log: Log, metrics: Metrics): Telemetry {
  const bridged = metrics.counter("bridged", "announcements whose translations are all confirmed");
  const published = metrics.counter("published", "translations published");
  const unclaimed = metrics.counter("unclaimed", "translations that reached no queue");
  const passedOver = metrics.counter("passed_over", "skipped posts: removals, links and folders");
  const failed = metrics.counter("failed", "translations that were not confirmed and are sent again, by outcome", [
    "outcome",
  ]);
  const notified = metrics.counter("notified", "notifications taken from Global Brokers, by broker", ["broker"]);
  const unfit = metrics.counter("unfit", "notifications of Global Brokers that can't be stored", ["broker"]);
  const repeated = metrics.counter("repeated", "notifications of products that were handed on before");
  const fetched = metrics.counter("fetched", "products placed and verified: fetched, or embedded in the notification", [
    "how",
  ]);
  const fetchFailed = metrics.counter("fetch_failed", "failed attempts to fetch a product, by cause", ["cause"]);
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
    notified(broker) {
      notified.inc({ broker });
    },
    unfit(broker, topic, reason) {
      unfit.inc({ broker });
      log.warn({ broker, topic: topic.slice(0, shownMax), reason }, "a notification was dropped");
    },
    repeated({ wis }) {
      repeated.inc();
      log.debug({ id: wis?.id }, "the product was handed on before");
    },
    fetched({ wis }, bytes, how) {
      fetched.inc({ how });
      log.debug({ id: wis?.id, bytes, how }, "placed");
    },
    fetchFailed(announcement, cause, reason) {
      fetchFailed.inc({ cause });
      log.warn({ url: announcementUrl(announcement), cause, reason }, "the product could not be fetched");
    },
    localFault(fault) {
      log.error({ err: fault }, "this host can't store products; trying again");
    },
    localCleared() {
      log.info("this host stores products again");
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
