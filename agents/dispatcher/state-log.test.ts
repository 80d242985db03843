import { pino } from "pino";
import { expect, test } from "vitest";
import { StateLog } from "./state-log.ts";

function logged() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info", base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line)) });
  return { lines, log };
}

test("each change of state is one line, with the duration of the previous state", () => {
  const { lines, log } = logged();
  const states = new StateLog(log, "standby", 1000);
  states.update("standby", 2000);
  states.update("catching-up", 4000);
  states.update("active", 6250);
  expect(lines).toMatchObject([
    { state: "catching-up", before: "standby", lastedMs: 3000, msg: "now catching-up, after 3.0 s standby" },
    { state: "active", before: "catching-up", lastedMs: 2250 },
  ]);
});

test("catching up after a pause is logged only if it takes long", () => {
  const { lines, log } = logged();
  const states = new StateLog(log, "active", 0);
  states.update("catching-up", 1000);
  states.update("active", 1020);
  states.update("catching-up", 3000);
  states.update("active", 5000);
  expect(lines).toMatchObject([{ state: "active", before: "catching-up", lastedMs: 2000 }]);
});

test("a takeover is logged once: from the address to the first decision, and from the first announcement", () => {
  const { lines, log } = logged();
  const took: number[] = [];
  const states = new StateLog(log, "standby", 0, (ms) => took.push(ms));
  states.held(1000);
  states.decided(1500);
  states.delivered(9000);
  states.delivered(9010);
  states.decided(9040);
  states.delivered(9100);
  states.decided(9100);
  expect(lines).toMatchObject([{ event: "taken-over", sinceAddressMs: 8040, sinceDeliveryMs: 40 }]);
  expect(took).toEqual([40]);
});

test("an address that was lost before any decision was no takeover", () => {
  const { lines, log } = logged();
  const states = new StateLog(log, "standby", 0);
  states.held(1000);
  states.delivered(1001);
  states.gone();
  states.decided(1002);
  expect(lines).toEqual([]);
});
