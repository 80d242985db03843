import type { networkInterfaces } from "node:os";
import { pino } from "pino";
import { describe, expect, test } from "vitest";
import { canonicalAddress, holdsAddress, watchAddress } from "./address-watch.ts";

// Addresses that come and go need root: address-watch.lab.test.ts.

type Interfaces = ReturnType<typeof networkInterfaces>;
const log = pino({ level: "silent" });

function holding(...addresses: string[]): Interfaces {
  const common = { netmask: "", mac: "00:00:00:00:00:00", internal: false, cidr: null };
  return {
    eth0: addresses.map((address) =>
      address.includes(":")
        ? { ...common, address, family: "IPv6" as const, scopeid: 7 }
        : { ...common, address, family: "IPv4" as const },
    ),
  };
}

describe("an address is held", () => {
  test.each([
    ["on an interface", "10.203.0.50", "10.203.0.50", true],
    ["not if another one begins with it", "10.203.0.5", "10.203.0.50", false],
    ["not if it begins with another one", "10.203.0.50", "10.203.0.5", false],
    ["however its zeros are written", "fd00:0:0::0010", "fd00::10", true],
    ["in any case", "FD00::AB", "fd00::ab", true],
    ["not if another IPv6 address begins with it", "fd00::1", "fd00::10", false],
    ["as IPv4 if it is written as mapped to IPv6", "::ffff:10.203.0.50", "10.203.0.50", true],
    ["as IPv4 if it is mapped in hexadecimal", "::FFFF:0acb:0032", "10.203.0.50", true],
    ["on any interface if it has no zone", "fe80::1", "fe80::1", true],
    ["on the interface of its zone", "fe80::1%eth0", "fe80::1", true],
    ["on the interface of its zone's number", "fe80::1%7", "fe80::1", true],
    ["not on an interface of another zone", "fe80::1%eth1", "fe80::1", false],
  ])("%s", (_when, wanted, found, held) => {
    expect(holdsAddress(wanted, holding("192.0.2.9", found))).toBe(held);
  });

  test("nowhere on a host without addresses", () => {
    expect(holdsAddress("10.203.0.50", {})).toBe(false);
    expect(canonicalAddress("bunny-op")).toBe("bunny-op");
  });
});

test("an address that this host holds is reported at once", () => {
  const [held, foreign] = [watchAddress("127.0.0.1", log), watchAddress("192.0.2.1", log)];
  expect([held.held, foreign.held]).toEqual([true, false]);
  held.stop();
  foreign.stop();
});
