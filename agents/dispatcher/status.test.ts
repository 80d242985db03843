import { expect, test } from "vitest";
import { type DispatcherView, statusOf } from "./status.ts";

const calm: DispatcherView = {
  ...{ state: "active", stateForMs: 60_000, starvedOf: undefined },
  ...{ inFlight: 2, entries: 1234, retrying: 0, keptAside: 0, doubts: 0, alternatesWaiting: 0, ledgerUnacked: 3 },
  ledgerPaused: false,
  journalFault: undefined,
  ...{ journalBytes: 40_000, clockSteppedMs: 3, clockAheadMs: 0 },
  broker: "ready",
  connection: "connected to 127.0.0.1:5672",
  silentSources: [],
  address: "10.203.0.50",
};

test("a healthy dispatcher is ok, and reports its state in one line", () => {
  expect(statusOf(calm)).toMatchObject({
    ok: true,
    state: "active",
    text: "active, holding 10.203.0.50; connected to 127.0.0.1:5672; 2 in flight, 1234 remembered",
  });
  expect(statusOf({ ...calm, address: undefined }).text).toMatch(/^active; /);
});

test.each([
  ["standby", true, "standby (warm, 1234 known): 10.203.0.50 is elsewhere"],
  ["catching-up", true, "catching up: reading the ledger before deciding, holding 10.203.0.50"],
  ["fenced", true, "fenced: the broker feeds another dispatcher, holding 10.203.0.50"],
  ["full", false, "FULL: 1234 products remembered (entriesMax), accepting no more until the window has passed"],
  ["stopped", true, "stopping"],
] as const)("the text for %s", (state, ok, words) => {
  const status = statusOf({ ...calm, state, stateForMs: 100 });
  expect(status.text.split("; ")[0]).toBe(words);
  expect(status.ok).toBe(ok);
});

test.each([
  ["no connection", { broker: "connecting", connection: "no connection to bunny1" }, /no connection to bunny1/],
  ["products that no queue accepts", { retrying: 2 }, /2 products that no queue accepts/],
  ["a journal that can't be written", { journalFault: "ENOSPC" }, /JOURNAL: ENOSPC; .* 3 ledger messages unacked/],
  ["a ledger that is not read", { ledgerPaused: true, state: "standby" }, /LEDGER NOT READ/],
  ["catching up for long", { state: "catching-up" }, /^catching up.*FOR 60 s/],
  ["being fenced for long", { state: "fenced" }, /^fenced.*FOR 60 s/],
  ["a queue that delivers nothing", { starvedOf: "ledger" }, /STARVED: messages wait in the ledger queue/],
  ["a clock that is ahead", { clockAheadMs: 3_600_020 }, /CLOCK: 3600 s ahead of another dispatcher's/],
  ["a clock that is behind", { clockAheadMs: -20_000 }, /CLOCK: 20 s behind another dispatcher's/],
  ["a silent source", { silentSources: ["urp-2"] }, /SILENT: urp-2/],
] as const)("%s is not ok, and reported", (_what, own, words) => {
  const status = statusOf({ ...calm, ...own } as DispatcherView);
  expect(status.ok).toBe(false);
  expect(status.text).toMatch(words);
});

test("a small clock step is reported, but is ok", () => {
  const status = statusOf({ ...calm, clockSteppedMs: -30_400 });
  expect([status.ok, status.text]).toEqual([true, expect.stringMatching(/the clock was set back by 30 s/)]);
});

test("waiting deliveries are reported, but are ok", () => {
  const status = statusOf({ ...calm, keptAside: 4, doubts: 5, alternatesWaiting: 6 });
  expect(status.ok).toBe(true);
  expect(status.text).toMatch(/4 deferred until.*5 unconfirmed.*6 requests for an alternate/);
});
