import { expect, it } from "vitest";
import { brokerVirtualIp } from "../../scripts/lab/virtual-ip.ts";
import { untilHealthy } from "./broker.ts";
import { changedObjects, doAll, expectReported, repairsOf, untilClean } from "./drift.ts";
import { bindingGone, ctl, type DriftRow, furtherRows } from "./drift-rows.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { on, preview, stackConfig, stackTrace, until, up, type WarrenResult } from "./subject.ts";

/** Slow repairs: a lost member, a dead API, an agent's missing object. */
export function driftOfMembers(): void {
  part("a manual change in brokers", () => {
    it("is found if a binding of the agents is gone and no agent has bound it again yet", async () => {
      let seen: WarrenResult | undefined;
      await until("a preview finds it gone", 60_000, async () => {
        await bindingGone.change();
        seen = await preview();
        return seen.output.includes(bindingGone.reported.join(": "));
      });
      if (!seen) throw new TypeError("nothing was previewed");
      expectReported(seen, [bindingGone]);
      expect(changedObjects(seen)).toEqual(bindingGone.repairedBy);
      const repaired = await up();
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(bindingGone.repairedBy).toEqual(expect.arrayContaining(changedObjects(repaired)));
      await untilClean();
    });

    it("is reported if two hosts hold the virtual IP", async () => {
      const { address } = brokerVirtualIp(await stackConfig());
      await on("bunny2", `ip address add ${address}/32 dev eth0`);
      const seen = await preview();
      await on("bunny2", `ip address del ${address}/32 dev eth0`);
      expect(seen.output).toContain(`warning: ${address} (bunny-op) is on 2 hosts: bunny1 and bunny2`);
    });

    it("is found and repaired: a member has left, an exchange has another type, no host holds the virtual IP", async () => {
      await untilHealthy();
      const changes = await doAll(furtherRows(brokerVirtualIp(await stackConfig()).address));
      const seen = await preview();
      expect(seen.exitCode, seen.output).toBe(0);
      expectReported(seen, changes);
      expect(changedObjects(seen)).toEqual(repairsOf(changes));
      const repaired = await up();
      noteSeconds("member, virtual IP, policy, exchange repaired", repaired.seconds);
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(changedObjects(repaired)).toEqual(repairsOf(changes));
      await on("bunny2", "systemctl kill --signal=CONT keepalived.service");
      await untilHealthy();
      await untilClean();
    });

    it("is a warning if a broker's API is dead; preview and up continue with the rest", async () => {
      await ctl("bunny1", "stop_app");
      await on("urp-1", "chmod 0600 /etc/hosts");
      const row: DriftRow = {
        where: "bunny1",
        change: async () => {},
        reported: ["rabbitmq-server.service", "its node is down"],
        repairedBy: ["bunny1 rabbitmq-server.service", "bunny1 member of bunny"],
      };
      const seen = await preview();
      noteSeconds("preview with one broker dead", seen.seconds);
      expect(seen.exitCode, seen.output).toBe(0);
      expect(seen.output).not.toMatch(stackTrace);
      expect(seen.output).toMatch(/warning: bunny1: the management API of bunny can't be used: /);
      expectReported(seen, [row]);
      const repaired = await up();
      expect(repaired.exitCode, repaired.output).toBe(0);
      expect(changedObjects(repaired)).toEqual([...row.repairedBy, "urp-1 /etc/hosts"].sort());
      await untilHealthy();
      await untilClean();
    });
  });
}
