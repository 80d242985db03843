import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { startPrometheus } from "../../tests/rigs/prometheus.ts";
import { type PublicHour, publicBoundsSeconds } from "../lib/audit-history.ts";
import { hourMs, hourOf } from "./hours.ts";
import { watchPublicHours } from "./public-watch.ts";

// Debian's Prometheus, with invented series of four hours. Proves nothing about the real series' names and labels: infra's metrics.test.ts does.

const scrapeSeconds = 15;
const scrapes = 3600 / scrapeSeconds;

interface Scrape {
  /** Zero if the sender does not answer; undefined if Prometheus itself was away. */
  readonly up: number | undefined;
  /** What a sender has counted since its start. */
  readonly total: number;
}

/**
 * Each sender counts one product between two scrapes. In the first hour they restart in the middle of it, in the second they don't answer for its last
 * twenty minutes, in the third Prometheus is away, in the fourth all answer.
 */
const seen: readonly Scrape[] = Array.from({ length: 4 * scrapes }, (_, at) => {
  const hour = Math.floor(at / scrapes);
  const answers = hour !== 1 || at % scrapes < (scrapes * 2) / 3;
  return { up: hour === 2 ? undefined : Number(answers), total: at < scrapes / 2 ? at : at - scrapes / 2 };
});

/** Nine in ten take less than 0.5 s; the others less than 30 s. */
const bucketOf = (le: number, total: number) => (le < 0.5 ? 0 : le < 30 ? Math.floor(total * 0.9) : total);

function historyFrom(startMs: number): string {
  const series = (name: string, labels: string, of: (scrape: Scrape) => number | undefined) =>
    seen.flatMap((scrape, at) => {
      const value = of(scrape);
      const seconds = startMs / 1000 + at * scrapeSeconds + 3;
      return value === undefined ? [] : [`${name}{job="agent",host="px-1",${labels}} ${value} ${seconds}`];
    });
  const agents = ["delivery-ftp", "delivery-sftp", "dd-notify"];
  const bounds = [...publicBoundsSeconds, Number.POSITIVE_INFINITY].map(
    (le) => [le, Number.isFinite(le) ? le : "+Inf"] as const,
  );
  const lines = [
    ...agents.flatMap((agent) => series("up", `agent="${agent}"`, ({ up }) => up)),
    ...agents.flatMap((agent) =>
      bounds.flatMap(([bound, le]) =>
        series("warren_sender_latency_seconds_bucket", `agent="${agent}",le="${le}"`, ({ up, total }) =>
          up === 1 ? bucketOf(bound, total) : undefined,
        ),
      ),
    ),
  ];
  return `${lines.join("\n")}\n# EOF\n`;
}

test("the real Prometheus has hours of what was counted, over restarts and gaps", { timeout: 120_000 }, async () => {
  const endMs = hourOf(Date.now());
  const startMs = endMs - 4 * hourMs;
  const url = await startPrometheus({ global: {} }, historyFrom(startMs));
  await expect
    .poll(() =>
      fetch(`${url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    )
    .toBe(true);
  const got: (readonly PublicHour[])[] = [];
  const watch = watchPublicHours({
    ...{ url, log: pino({ level: "silent" }), nowMs: () => endMs + 60_000 },
    onHours: (hours) => got.push(hours) > 0,
  });
  await vi.waitFor(() => expect(got).toHaveLength(1), { timeout: 25_000 });
  watch.stop();
  const hours = got.flat();
  expect(hours.map((hour) => ({ at: (hour.startMs - startMs) / hourMs, minutes: hour.minutes }))).toEqual([
    { at: 0, minutes: 60 },
    { at: 1, minutes: 40 },
    { at: 3, minutes: 60 },
  ]);
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
  // A product between the last scrape and a restart is not known; `increase` extrapolates to the hour's ends.
  const [restarted, cut, full] = hours.map(({ delivered, announced }) => [sum(delivered), sum(announced)]);
  expect(full).toEqual([2 * scrapes, scrapes]);
  for (const [counts, wanted] of [
    [restarted, scrapes - 1],
    [cut, (scrapes * 2) / 3],
  ] as const) {
    expect(Math.abs((counts?.[0] ?? 0) - 2 * wanted)).toBeLessThanOrEqual(2);
    expect(Math.abs((counts?.[1] ?? 0) - wanted)).toBeLessThanOrEqual(1);
  }
  const at = (bound: (typeof publicBoundsSeconds)[number]) => publicBoundsSeconds.indexOf(bound);
  expect(hours.at(-1)?.delivered[at(0.5)]).toBe(0.9 * 2 * scrapes);
  expect(hours.at(-1)?.delivered[at(30)]).toBe(0.1 * 2 * scrapes);
});
