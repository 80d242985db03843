import { ago, count, duration, shortNumber } from "./format.ts";
import type { Reading } from "./reading.ts";
import type { DeadLetterView, Figure, State } from "./view.ts";

/** Of the service level: at most this share of products is slower than `slowSeconds`. */
const slowShareMax = 0.01;
const slowSeconds = 1;
const verySlowSeconds = 10;

const latency = (seconds: number | undefined, most = false): Figure => {
  if (seconds === undefined || !Number.isFinite(seconds)) return { value: "–", state: "unknown" };
  const state: State = seconds > verySlowSeconds ? "bad" : seconds > slowSeconds ? "warn" : "ok";
  return { value: `${most ? "≤ " : ""}${duration(seconds)}`, state };
};

const counted = (value: number | undefined, note?: string): Figure => ({
  value: value === undefined ? "–" : shortNumber(Math.round(value)),
  state: value === undefined ? "unknown" : value >= 1 ? "warn" : "ok",
  ...(note === undefined ? {} : { note }),
});

/** Some are always on their way to the broker. */
const spooledUsual = 100;
const spooledFigure = (value: number | undefined): Figure => {
  const figure = counted(value, "on radar servers");
  return value !== undefined && value <= spooledUsual ? { ...figure, state: "ok" } : figure;
};

/** The strip: latency and what is not as it should be, by the text that is shown. Pure. */
export function stripOf(figures: Reading): Record<string, Figure> {
  const depth = figures.all("depth").length > 0 ? deadDepth(figures) : undefined;
  const overdue = figures.of("overdue");
  const repeated = figures.of("repeated");
  const auditor: Record<string, Figure> =
    overdue === undefined
      ? {}
      : {
          Overdue: { ...counted(overdue, "now"), state: overdue > 0 ? "bad" : "ok" },
          Repeated: counted(repeated, "since start"),
        };
  const slowShare = figures.of("slowShare");
  const left = slowShare === undefined ? undefined : 1 - slowShare / slowShareMax;
  return {
    "Latency p50": latency(figures.of("p50")),
    "Latency p99": latency(figures.of("p99")),
    "Latency max": latency(figures.of("slowest"), true),
    ...auditor,
    Unconfirmed: counted(figures.of("unconfirmed"), "await receipt"),
    "Dead letters": counted(depth ?? deadSum(figures), depth === undefined ? "in a day" : "waiting"),
    Alternates: counted(figures.of("alternates"), "asked in 5 min"),
    Spooled: spooledFigure(total(figures, "spooled")),
    "Error budget":
      left === undefined
        ? { value: "–", state: "unknown", note: "15 days" }
        : {
            value: `${Math.round(Math.max(-9.99, left) * 100)}\u00a0%`,
            state: left < 0 ? "bad" : left < 0.25 ? "warn" : "ok",
            note: "left of 15 days",
          },
  };
}

const total = (figures: Reading, name: "spooled"): number | undefined =>
  figures.all(name).length === 0 ? undefined : figures.all(name).reduce((sum, { value }) => sum + value, 0);

const deadDepth = (figures: Reading): number =>
  figures.all("depth").reduce((sum, { labels, value }) => sum + (/\.dead$/.test(labels.queue ?? "") ? value : 0), 0);

const reasons = {
  notFetched: "pullers: the product could not be fetched",
  twinFailed: "pullers: the other radar server's product could not be fetched either",
  unreadable: "dispatchers: not a valid announcement",
  refusedFiles: "senders: files that can't be sent, set aside",
  unfitMessages: "receivers: messages that can't become files",
} as const;

const deadSum = (figures: Reading): number | undefined => {
  const found = Object.keys(reasons).flatMap((name) => figures.of(name as keyof typeof reasons) ?? []);
  return found.length === 0 ? undefined : found.reduce((sum, value) => sum + value, 0);
};

/** Dead letters and files set aside in the last day, by reason; a reason without any is left out. */
export function deadLettersOf(figures: Reading): Record<string, DeadLetterView> {
  const rows = Object.entries(reasons).flatMap(([name, reason]) => {
    const found = Math.round(figures.of(name as keyof typeof reasons) ?? 0);
    return found > 0 ? [[name, { reason, count: found }] as const] : [];
  });
  return Object.fromEntries(rows);
}

/** `0 lost, p99 0.24 s, last 12 s ago`, as far as it is known. */
export function summary(figures: Reading, nowMs: number): string {
  const p99 = figures.of("p99");
  const overdue = figures.of("overdue");
  const knows = (figures.of("knows") ?? 0) > 0;
  const last = figures.of("lastAnnounced");
  const silence = Math.min(...figures.all("silence").map(({ value }) => value));
  const seconds = last === undefined ? silence : Math.max(0, nowMs / 1000 - last);
  const parts = [
    overdue === undefined ? "losses are not counted" : knows ? `${count(overdue, "lost", "lost")}` : "losses unknown",
    ...(p99 === undefined || !Number.isFinite(p99) ? [] : [`p99\u00a0${duration(p99)}`]),
    ...(Number.isFinite(seconds) ? [`last ${ago(seconds)}`] : []),
  ];
  return parts.join(", ");
}
