import { connect } from "amqplib";
import { expect, it } from "vitest";
import { logEvents } from "../../agents/lib/log-events.ts";
import { brokerUrl, hostsOf } from "../../scripts/lab/send-products.ts";
import { brokerVirtualIp, virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { untilHealthy } from "./broker.ts";
import { note, noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig, textOf, until, untilPrints } from "./subject.ts";

/** When a unit last said something, in seconds since 1970; undefined where it didn't. */
async function lastSaid(host: string, unit: string, words: string): Promise<number | undefined> {
  const journal = `journalctl --no-pager --output=short-unix --unit=${unit} | grep -F '${words}' | tail -n 1`;
  const line = await textOf(host, journal);
  return line === "" ? undefined : Number(line.split(" ")[0]);
}

export function virtualIp(): void {
  part("the virtual IP", () => {
    it("is seen by the other host's dispatcher within a second of its move, and comes back", async () => {
      const [first = "", second = ""] = hostsOf(await stackConfig(), "bunny");
      // The kernel's events, not the look that makes up for them: `ip monitor` can run in the unit's sandbox.
      for (const host of [first, second]) await untilPrints(host, "pgrep --exact ip | wc -l", "1", 10_000);
      await untilHealthy();
      const words = `"event":"${logEvents.addressHeld}"`;
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
      await untilHealthy();
    });

    it("leaves a host whose dispatcher is killed at once, and stays with a broker where no dispatcher is", async () => {
      const config = await stackConfig();
      const [first = "", second = ""] = hostsOf(config, "bunny");
      const words = `"event":"${logEvents.addressHeld}"`;
      const before = await lastSaid(second, "warren-dispatcher", words);
      const killed = Number(
        await textOf(first, "date +%s.%N; systemctl kill --signal=KILL --kill-whom=main warren-dispatcher"),
      );
      let held = before;
      await until(`the dispatcher of ${second} takes over`, 15_000, async () => {
        held = await lastSaid(second, "warren-dispatcher", words);
        return held !== before;
      });
      const seconds = (held ?? Number.NaN) - killed;
      note("dispatcher killed, the other one has the address after", `${Math.round(seconds * 1000)} ms`, "500 ms");
      expect(seconds).toBeLessThan(1);
      await untilHealthy();
      await on(first, "systemctl stop warren-dispatcher");
      await on(second, "systemctl stop warren-dispatcher");
      try {
        const served = async () => (await virtualIpHolders(lab, config)).length === 1;
        await until("one host has the address, though none dispatches", 5_000, served);
      } finally {
        await Promise.all([first, second].map((host) => on(host, "systemctl start warren-dispatcher")));
      }
      await untilHealthy();
    });

    it("stays where it is while a dispatcher restarts, and goes and comes when an operator says so", async () => {
      const config = await stackConfig();
      const [first = "", second = ""] = hostsOf(config, "bunny");
      const moved = () => textOf(first, `${watched} | grep -c FAULT || true`);
      const before = await moved();
      await on(first, "systemctl restart warren-dispatcher");
      expect(await moved()).toBe(before);
      expect(await virtualIpHolders(lab, config)).toEqual([first]);
      const holderIs = (host: string) =>
        until(`${host} has the address`, 15_000, async () => (await virtualIpHolders(lab, config)).join() === host);
      await on(first, "/usr/local/lib/warren/stand-back yes");
      await holderIs(second);
      await on(first, "/usr/local/lib/warren/stand-back no");
      await holderIs(first);
      await untilHealthy();
    });

    it("leaves no connection behind on the host that it left: the broker there gives messages back at once", async () => {
      const config = await stackConfig();
      const [first = ""] = hostsOf(config, "bunny");
      const left = `ss -Htn state established src ${brokerVirtualIp(config).address} | wc -l`;
      const connection = await connect(brokerUrl(config));
      connection.on("error", () => {});
      const closed = new Promise((resolve) => connection.once("close", resolve));
      expect(Number(await textOf(first, left))).toBeGreaterThan(0);
      await on(first, "systemctl stop keepalived");
      const beganMs = performance.now();
      try {
        await untilPrints(first, left, "0", 2_000);
        expect(await textOf(first, `${watched} | grep ended`)).toMatch(/ended \d+ connections/);
        // A client with nothing to say learns of it by its next heartbeat, which the other host refuses: ten seconds at most.
        await closed;
        noteSeconds("virtual IP moved, a silent client sees it after", (performance.now() - beganMs) / 1000, 10);
      } finally {
        await on(first, "systemctl start keepalived");
      }
      await untilHealthy();
    });

    it("is told of in the journal where two hosts have it, and where none has", async () => {
      const config = await stackConfig();
      const [first = "", second = ""] = hostsOf(config, "bunny");
      const { address } = brokerVirtualIp(config);
      const says = (host: string, words: RegExp) => untilPrints(host, `${watched} | tail -n 1`, words, 15_000);
      await on(second, `ip address add ${address}/32 dev eth0`);
      try {
        expect(await virtualIpHolders(lab, config)).toEqual([first, second]);
        await says(first, /has two holders: this host and [0-9a-f:]{17}/);
      } finally {
        await on(second, `ip address del ${address}/32 dev eth0`);
      }
      await says(first, /has one holder again/);
      await on(second, "systemctl stop keepalived");
      await on(first, "systemctl stop keepalived");
      try {
        await says(second, /has no holder/);
      } finally {
        await on(first, "systemctl start keepalived");
        await on(second, "systemctl start keepalived");
      }
      await untilHealthy();
    });

    it("goes away from a broker with an alarm, and stays where it is best when all have one", async () => {
      const config = await stackConfig();
      const [first = "", second = ""] = hostsOf(config, "bunny");
      const holderIs = (host: string) =>
        until(`${host} has the address`, 20_000, async () => (await virtualIpHolders(lab, config)).join() === host);
      try {
        await alarm(first, true);
        await holderIs(second);
        await alarm(second, true);
        await holderIs(first);
      } finally {
        await Promise.all([first, second].map((host) => alarm(host, false)));
      }
      await untilHealthy();
    });
  });
}

/** What the watch of virtual IPs has said since the host's start. */
const watched = "journalctl --boot --no-pager --output=cat --identifier=warren-vip";

/** A memory limit that every broker is above, or Debian's; and as many looks at it as it takes to count. */
async function alarm(host: string, isOn: boolean): Promise<void> {
  const control =
    "cd /var/lib/rabbitmq && runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmqctl";
  await on(host, `${control} --quiet set_vm_memory_high_watermark ${isOn ? "0.00001" : "0.4"}`);
  const unhealthy = "cat /run/warren/broker-health/unhealthy";
  await until(`the look at ${host}'s health counts`, 60_000, async () => {
    await on(host, "systemctl start warren-broker-health.service");
    return (await textOf(host, unhealthy)) === (isOn ? "1" : "0");
  });
}
