import { once } from "node:events";
import { execa } from "execa";
import { pino } from "pino";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type AddressWatch, watchAddress } from "./address-watch.ts";

// Addresses come and go on lo, which needs root and iproute2. Not proved here: a pulled cable.

const log = pino({ level: "silent" });

describe("a watched address", () => {
  // From the blocks for documentation (RFC 5737, RFC 3849), which no host has.
  const addresses = ["192.0.2.77/32", "2001:db8::77/128"];
  const change = (verb: "add" | "del", address: string) => execa("ip", ["address", verb, address, "dev", "lo"]);
  const remove = () => Promise.all(addresses.map((address) => change("del", address).catch(() => {})));

  beforeEach(remove);
  afterAll(remove);

  /** How long after the address came or went it was reported. */
  async function seenAfterMs(watch: AddressWatch, event: "held" | "gone", address: string): Promise<number> {
    const told = once(watch, event);
    await change(event === "held" ? "add" : "del", address);
    const changedAtMs = performance.now();
    await told;
    return performance.now() - changedAtMs;
  }

  test.each(addresses)("%s is reported when it comes and when it goes", async (address) => {
    const watch = watchAddress(address.split("/")[0] ?? "", log);
    try {
      for (const event of ["held", "gone", "held"] as const) {
        expect(await seenAfterMs(watch, event, address)).toBeLessThan(1000);
        expect(watch.held).toBe(event === "held");
      }
    } finally {
      watch.stop();
    }
  });

  test("is seen within half a second even if the monitor has died", async () => {
    const watch = watchAddress("192.0.2.77", log);
    try {
      process.kill(watch.monitorPid ?? 0, "SIGKILL");
      await expect.poll(() => watch.monitorPid, { timeout: 2000 }).toBeUndefined();
      const [came, left] = [
        await seenAfterMs(watch, "held", "192.0.2.77/32"),
        await seenAfterMs(watch, "gone", "192.0.2.77/32"),
      ];
      expect(Math.max(came, left)).toBeLessThan(500);
    } finally {
      watch.stop();
    }
  });

  test("is no longer reported once the watch was stopped, and its monitor is gone", async () => {
    const watch = watchAddress("192.0.2.77", log);
    const pid = watch.monitorPid ?? 0;
    let told = 0;
    watch.on("held", () => told++);
    watch.stop();
    await expect.poll(() => watch.monitorPid, { timeout: 2000 }).toBeUndefined();
    expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
    const other = watchAddress("192.0.2.77", log);
    await seenAfterMs(other, "held", "192.0.2.77/32");
    other.stop();
    expect(told).toBe(0);
  });
});
