import { pino } from "pino";
import { expect, test } from "vitest";
import { StateLog } from "./state-log.ts";

function logged() {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info", base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line)) });
  return { lines, log };
}

test("each change of state is one line, with how long the last state lasted", () => {
  const { lines, log } = logged();
  const states = new StateLog(log, "standby", 1000);
  states.is("standby", 2000);
  states.is("catching-up", 4000);
  states.is("active", 6250);
  expect(lines).toMatchObject([
    { state: "catching-up", before: "standby", lastedMs: 3000, msg: "now catching-up, after 3.0 s standby" },
    { state: "active", before: "catching-up", lastedMs: 2250 },
  ]);
});

test("catching up after a pause is told only where it takes long", () => {
  const { lines, log } = logged();
  const states = new StateLog(log, "active", 0);
  states.is("catching-up", 1000);
  states.is("active", 1020);
  states.is("catching-up", 3000);
  states.is("active", 5000);
  expect(lines).toMatchObject([{ state: "active", before: "catching-up", lastedMs: 2000 }]);
});

test("taking over is told once: from the address to the first decision, and from the first announcement", () => {
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

test("an address that left before anything was decided was no taking over", () => {
  const { lines, log } = logged();
  const states = new StateLog(log, "standby", 0);
  states.held(1000);
  states.delivered(1001);
  states.gone();
  states.decided(1002);
  expect(lines).toEqual([]);
});
