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

/** Centres that have series of their own; anybody may invent one. The WMO has registered fewer than 300. */
const centresMax = 500;

/** The WMO's metrics of a Global Cache, by its names and labels; the text of each is its description there. */
function cacheMetrics(metrics: Metrics, reportBy: string) {
  const names = ["centre_id", "report_by"] as const;
  const downloaded = metrics.counter("wmo_wis2_gc_downloaded", "number of data items downloaded", names);
  const errors = metrics.counter("wmo_wis2_gc_downloaded_errors", "number of download errors", names);
  const failed = metrics.counter("wmo_wis2_gc_integrity_failed", "messages whose integrity check failed", names);
  const last = metrics.gauge(
    "wmo_wis2_gc_last_download_timestamp_seconds",
    "time of the last successful download",
    undefined,
    names,
  );
  const centres = new Set<string>();
  const labelsOf = (centre: string) => {
    if (centres.size < centresMax) centres.add(centre);
    return { centre_id: centres.has(centre) ? centre : "other", report_by: reportBy };
  };
  return {
    downloaded(centre: string) {
      downloaded.inc(labelsOf(centre));
      last.set(labelsOf(centre), Math.round(Date.now() / 1000));
    },
    failed(centre: string, isIntegrity: boolean) {
      (isIntegrity ? failed : errors).inc(labelsOf(centre));
    },
  };
}

/** Counts and logs what the bridge does. `reportBy`: our centre id, for the WMO's metrics. */
export function openTelemetry(log: Log, metrics: Metrics, reportBy?: string): Telemetry {
  const cache = reportBy === undefined ? undefined : cacheMetrics(metrics, reportBy);
  const bridged = metrics.counter("bridged", "announcements whose translations are all confirmed");
  const published = metrics.counter("published", "translations published");
  const unclaimed = metrics.counter("unclaimed", "translations that reached no queue");
  const passedOver = metrics.counter("passed_over", "skipped posts: removals, links and folders");
  const failed = metrics.counter("failed", "translations that were not confirmed and are sent again, by outcome", [
    "outcome",
  ]);
  const notified = metrics.counter("notified", "notifications taken from Global Brokers, by broker", ["broker"]);
  const connected = metrics.gauge(
    "global_broker_connected",
    "1 while a Global Broker is connected, by broker",
    undefined,
    ["broker"],
  );
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
    connected(broker, isConnected) {
      connected.set({ broker }, Number(isConnected));
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
    fetched({ announcement: { wis }, centre }, bytes, how) {
      fetched.inc({ how });
      cache?.downloaded(centre);
      log.debug({ id: wis?.id, bytes, how }, "placed");
    },
    fetchFailed({ announcement, centre }, cause, reason) {
      fetchFailed.inc({ cause });
      cache?.failed(centre, cause === "integrity");
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
