import { durationBuckets, type Metrics } from "../lib/metrics.ts";
import type { Took } from "./draft.ts";
import type { Counts } from "./product.ts";
import type { Sighting } from "./sighting.ts";
import type { Memory } from "./store-schema.ts";

/** What the metrics show. Totals are those of the store: they continue after a restart. */
export interface AuditView {
  readonly memory: Memory;
  readonly oldestWaitingMs: number | undefined;
  readonly products: number;
  readonly storeBytes: number;
  readonly knows: boolean;
}

export interface Telemetry {
  sighted(kind: Sighting["kind"] | "unreadable"): void;
  placed(took: Took): void;
}

const totals: Readonly<Record<keyof Counts, readonly [name: string, help: string]>> = {
  announced: ["announced", "products announced by a radar server"],
  dispatched: ["dispatched", "products dispatched to the pullers"],
  placed: ["placed", "products that a puller has placed"],
  overdue: ["overdue", "products that were not placed in time (overdueSeconds)"],
  latePlaced: ["late_placed", "overdue products that were placed afterwards"],
  dispatchedAgain: ["dispatched_again", "products dispatched a second time, not marked as unconfirmed"],
  repeated: ["repeated", "products placed a second time"],
  unknown: ["unknown", "products of which it can't be known whether they were placed, or placed once"],
};

export function openTelemetry(metrics: Metrics, view: () => AuditView, nowMs: () => number): Telemetry {
  for (const [count, [name, help]] of Object.entries(totals))
    metrics.counter(name, help, [], (counter) => counter.inc(view().memory.counts[count as keyof Counts]));
  metrics.counter(
    "dead_letters",
    "dead letters: of products, and of messages that are no valid announcement",
    ["kind"],
    (counter) => {
      const { deadProducts, deadGarbage } = view().memory;
      counter.inc({ kind: "product" }, deadProducts);
      counter.inc({ kind: "garbage" }, deadGarbage);
    },
  );
  metrics.counter("gap_seconds", "seconds of which messages may be missing", [], (counter) =>
    counter.inc(view().memory.gapMs / 1000),
  );
  const gauge = (name: string, help: string, value: (now: AuditView) => number) =>
    metrics.gauge(name, help, (one) => one.set(value(view())));
  // OpenMetrics names the counter `overdue_total`, so a gauge `overdue` would be of the same family.
  gauge("overdue_now", "products that are overdue and not placed", ({ memory }) => memory.overdueNow);
  gauge("waiting", "products announced, not placed and not overdue", ({ memory }) => memory.waiting);
  gauge("oldest_waiting_seconds", "how long the oldest of these has waited", ({ oldestWaitingMs }) =>
    oldestWaitingMs === undefined ? 0 : Math.max(0, nowMs() - oldestWaitingMs) / 1000,
  );
  gauge("knows", "1 while it knows what happens to products", ({ knows }) => Number(knows));
  gauge("products", "products in the store", ({ products }) => products);
  gauge("store_bytes", "size of the store", ({ storeBytes }) => storeBytes);
  metrics.gauge<"host">(
    "last_announced_time_seconds",
    "when a radar server last announced a product, in seconds since 1970",
    (one) => {
      for (const [host, atMs] of Object.entries(view().memory.lastAnnouncedMs)) one.set({ host }, atMs / 1000);
    },
    ["host"],
  );
  const sightings = metrics.counter("sightings", "messages read, by kind", ["kind"]);
  const announcedToPlaced = metrics.histogram(
    "announced_to_placed_seconds",
    "time from the first announcement to the placed product",
    durationBuckets,
  );
  const closedToPlaced = metrics.histogram(
    "closed_to_placed_seconds",
    "time from when the product's file was complete on a radar server to the placed product, by the clocks of both hosts",
    durationBuckets,
  );
  return {
    sighted: (kind) => sightings.inc({ kind }),
    placed({ announcedToPlacedMs, closedToPlacedMs }) {
      if (announcedToPlacedMs !== undefined) announcedToPlaced.observe(announcedToPlacedMs / 1000);
      if (closedToPlacedMs !== undefined) closedToPlaced.observe(closedToPlacedMs / 1000);
    },
  };
}
