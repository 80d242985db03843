import { pino } from "pino";
import { expect, test } from "vitest";
import { holdsAddress, watchAddress } from "./address-watch.ts";

// Not proved here: an address that comes and goes, which needs a host of its own.

const entry = (address: string) => ({
  address,
  netmask: "255.255.255.255",
  family: "IPv4" as const,
  mac: "00:00:00:00:00:00",
  internal: false,
  cidr: null,
});

test("an address that another one begins with is not held", () => {
  const interfaces = { eth0: [entry("10.203.0.50"), entry("10.203.0.21")] };
  expect(holdsAddress("10.203.0.50", interfaces)).toBe(true);
  expect(holdsAddress("10.203.0.5", interfaces)).toBe(false);
});

test("what this host holds is known at once", () => {
  const log = pino({ level: "silent" });
  const [held, foreign] = [watchAddress("127.0.0.1", log), watchAddress("192.0.2.1", log)];
  expect([held.held, foreign.held]).toEqual([true, false]);
  held.stop();
  foreign.stop();
});
