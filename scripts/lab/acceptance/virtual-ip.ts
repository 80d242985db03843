import { describe, expect, it } from "vitest";
import { hostsOf } from "../send-products.ts";
import { untilWhole } from "./broker.ts";
import { note } from "./figures.ts";
import { on, stackConfig, textOf, until, untilPrints } from "./subject.ts";

/** When a unit last said something, in seconds since 1970; undefined where it didn't. */
async function lastSaid(host: string, unit: string, words: string): Promise<number | undefined> {
  const journal = `journalctl --no-pager --output=short-unix --unit=${unit} | grep -F '${words}' | tail -n 1`;
  const line = await textOf(host, journal);
  return line === "" ? undefined : Number(line.split(" ")[0]);
}

export function virtualIp(): void {
  describe("the virtual IP", () => {
    it("is seen by the other host's dispatcher within a second of its move, and comes back", async () => {
      const [first = "", second = ""] = hostsOf(await stackConfig(), "bunny");
      // The kernel's events, not the look that makes up for them: `ip monitor` can run in the unit's sandbox.
      for (const host of [first, second]) await untilPrints(host, "pgrep --exact ip | wc -l", "1", 10_000);
      await untilWhole();
      const words = "this host holds the virtual IP now";
      const before = await lastSaid(second, "warren-dispatcher", words);
      await on(first, "systemctl stop keepalived");
      try {
        let held = before;
        await until(`the dispatcher of ${second} sees it`, 15_000, async () => {
          held = await lastSaid(second, "warren-dispatcher", words);
          return held !== before;
        });
        const moved = await lastSaid(second, "keepalived", "Entering MASTER STATE");
        const seconds = (held ?? Number.NaN) - (moved ?? Number.NaN);
        note("virtual IP moved, dispatcher sees it after", `${Math.round(seconds * 1000)} ms`, "1000 ms");
        expect(seconds).toBeLessThan(1);
      } finally {
        await on(first, "systemctl start keepalived");
      }
      await untilWhole();
    });
  });
}
