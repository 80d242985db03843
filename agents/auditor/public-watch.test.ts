import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PublicHour } from "../lib/audit-history.ts";
import { publicBoundsSeconds } from "../lib/audit-history.ts";
import { hourMs } from "./hours.ts";
import { watchPublicHours } from "./public-watch.ts";

const startMs = Date.UTC(2026, 10, 5, 3);
/** Of real time, on a busy machine. */
const waitMs = { timeout: 20_000, interval: 10 };
let nowMs: number;
let accepts: boolean;
let broken: string | undefined;
/** Begin and end of the time of each question, in hours since `startMs`. */
let asked: string[];
let got: (readonly PublicHour[])[];
let lines: string[];
let stop: () => void;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  [nowMs, accepts, broken, asked, got, lines] = [startMs, true, undefined, [], [], []];
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://prometheus");
    const [start, end] = ["start", "end"].map((name) => (Number(searchParams.get(name)) * 1000 - startMs) / hourMs);
    // The first of three questions.
    if (searchParams.get("query")?.includes('delivery-.+"}[1h]')) asked.push(`${(start ?? 0) - 1} to ${end}`);
    const values = [[Number(searchParams.get("end")), "7"]];
    const result = [...publicBoundsSeconds, "+Inf"].map((le) => ({ metric: { le: String(le) }, values }));
    response.end(broken ?? JSON.stringify({ status: "success", data: { resultType: "matrix", result } }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const onHours = (hours: readonly PublicHour[]) => {
    got.push(hours);
    return accepts;
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const watch = watchPublicHours({ url, log, nowMs: () => nowMs, onHours });
  stop = () => {
    watch.stop();
    server.close();
  };
});
afterEach(() => {
  stop();
  vi.useRealTimers();
});

/** Lets it ask at a time, and waits for so many answers in all. */
async function at(hours: number, minutes: number, answers: number): Promise<void> {
  nowMs = startMs + hours * hourMs + minutes * 60_000;
  vi.advanceTimersByTime(60_000);
  await vi.waitFor(() => expect(got).toHaveLength(answers), waitMs);
  // The question has ended when the next one is possible.
  await new Promise(setImmediate);
}

test("all that Prometheus keeps is asked for at the start, then each hour once, half a minute after its end", async () => {
  // At the exact hour, the last one has not settled.
  await vi.waitFor(() => expect(got).toHaveLength(1), waitMs);
  expect(asked.splice(0)).toEqual(Array.from({ length: 15 }, (_, day) => `${-361 + 24 * day} to ${-337 + 24 * day}`));
  await at(0, 1, 2);
  await at(0, 2, 2);
  await at(0, 59, 2);
  await at(1, 1, 3);
  // It was away, or Prometheus was.
  await at(4, 30, 4);
  // The clock was set back, and forward again.
  await at(2, 30, 4);
  await at(3, 30, 5);
  expect(asked).toEqual(["-1 to 0", "0 to 1", "1 to 4", "2 to 3"]);
  expect(got.at(2)).toMatchObject([{ startMs, minutes: 7, delivered: { 0: 7 } }]);
});

test("hours that could not be kept are asked for again", async () => {
  await vi.waitFor(() => expect(got).toHaveLength(1), waitMs);
  accepts = false;
  await at(1, 1, 2);
  accepts = true;
  await at(1, 2, 3);
  await at(1, 3, 3);
  expect(asked.slice(15)).toEqual(["-1 to 1", "-1 to 1"]);
});

test.each([
  ["no JSON", "no json"],
  ["too long", " ".repeat(2 * 1024 * 1024)],
  ["an error", JSON.stringify({ status: "error" })],
])("an answer that is %s gives no hours, is logged once, and is asked for again", async (_, wrong) => {
  await vi.waitFor(() => expect(got).toHaveLength(1), waitMs);
  broken = wrong;
  nowMs = startMs + 61_000;
  vi.advanceTimersByTime(60_000);
  await vi.waitFor(() => expect(lines).toHaveLength(1), waitMs);
  await new Promise(setImmediate);
  broken = undefined;
  await at(0, 3, 2);
  expect(lines).toEqual([
    "Prometheus does not answer for the public path: its hours are asked for again",
    "Prometheus answers again",
  ]);
  expect(got.at(-1)).toHaveLength(1);
});
