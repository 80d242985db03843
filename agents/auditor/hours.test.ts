import { expect, test } from "vitest";
import { announcedBy, Bench, dispatchedAs, placedAt, startMs } from "./fixture.ts";
import { hourOf } from "./hours.ts";
import { readFiring } from "./incidents.ts";

const hourMs = 3_600_000;

/** Hours that have something, with what they have. */
const hoursOf = ({ audit }: Bench) =>
  audit.history(0, startMs * 2).hours.map(({ startMs: hour, latency, ...counts }) => ({
    hour: (hour - startMs) / hourMs,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ...(latency.some((count) => count > 0) ? { latency: latency.flatMap((count, at) => Array(count).fill(at)) } : {}),
  }));

test("a product counts in the hour in which it was first seen, whenever it is placed; a quiet hour has a record", () => {
  const bench = new Bench();
  bench.settle();
  const at = hourOf(bench.nowMs) + 2 * hourMs;
  bench.pass((at - bench.nowMs) / 1000 - 20);
  bench.take(announcedBy(1, "urp-1", bench.nowMs), dispatchedAs(1, "a"));
  bench.pass(60);
  bench.take(placedAt(1, "pds-1", bench.nowMs), announcedBy(2, "urp-1"));
  bench.pass(300);
  const hour = (at - startMs) / hourMs;
  expect(hoursOf(bench).filter((one) => one.hour >= hour - 2)).toEqual([
    { hour: hour - 2 },
    // Placed after 60 s: in the class above 30 s.
    { hour: hour - 1, announced: 1, dispatched: 1, placed: 1, latency: [8] },
    { hour, announced: 1, overdue: 1 },
  ]);
  bench.take(placedAt(2, "pds-1", bench.nowMs));
  bench.pass(2);
  bench.restart();
  expect(hoursOf(bench).at(-1)).toMatchObject({ hour, announced: 1, placed: 1, overdue: 1, placedLate: 1 });
  bench.end();
});

test("a gap counts in each hour that it meets, once", () => {
  const bench = new Bench();
  bench.settle();
  const at = hourOf(bench.nowMs) + hourMs;
  bench.nowMs = at + 600_000;
  for (const toMs of [at + 300_000, at + 120_000]) bench.audit.gap(at - 60_000, toMs, "its queue was full");
  bench.pass(4);
  const hour = (at - startMs) / hourMs;
  expect(hoursOf(bench).filter((one) => one.hour >= hour - 1)).toEqual([
    { hour: hour - 1, gapSeconds: 60 },
    { hour, gapSeconds: 300 },
  ]);
  bench.end();
});

test("an alert is an incident until it no longer fires, also across a restart", () => {
  const bench = new Bench();
  const firing = (...names: string[]) =>
    readFiring(
      {
        data: {
          alerts: names.map((alertname) => ({
            labels: { alertname, severity: "page" },
            ...{ state: "firing", activeAt: new Date(startMs).toISOString() },
          })),
        },
      },
      bench.nowMs,
    );
  bench.nowMs = startMs + 30_000;
  bench.audit.noteFiring(firing("FlowStopped"));
  bench.nowMs += 10_000;
  bench.audit.noteFiring(firing("FlowStopped"));
  bench.restart();
  bench.nowMs += 10_000;
  bench.audit.noteFiring(firing("NoDispatcher"));
  expect(bench.audit.history(0, startMs * 2).incidents).toMatchObject([
    { alert: "FlowStopped", beganMs: startMs, notifiedMs: startMs + 30_000, endedMs: startMs + 50_000 },
    { alert: "NoDispatcher", notifiedMs: startMs + 50_000 },
  ]);
  expect(bench.audit.history(startMs + 51_000, startMs * 2).incidents.map(({ alert }) => alert)).toEqual([
    "NoDispatcher",
  ]);
  bench.end();
});
