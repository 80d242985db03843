import { connect } from "amqplib";
import { expect, it } from "vitest";
import { logEvents } from "../../agents/lib/log-events.ts";
import { brokerUrl, hostsOf } from "../../scripts/lab/send-products.ts";
import { brokerVirtualIp, virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { untilHealthy } from "./broker.ts";
import { note, noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig, textOf, until, untilPrints } from "./subject.ts";

/** What the watch of virtual IPs has said since the host's start. */
const watched = "journalctl --boot --no-pager --output=cat --identifier=warren-vip";

/** The host that should have the virtual IP, and the other one. */
async function subject() {
  const config = await stackConfig();
  const [first = "", second = ""] = hostsOf(config, "bunny");
  const holderIs = (host: string) =>
    until(`${host} has the address`, 20_000, async () => (await virtualIpHolders(lab, config)).join() === host);
  return { config, first, second, holderIs };
}

/** When a unit last said something, in seconds since 1970; undefined where it didn't. */
async function lastSaid(host: string, unit: string, words: string): Promise<number | undefined> {
  const journal = `journalctl --no-pager --output=short-unix --unit=${unit} | grep -F '${words}' | tail -n 1`;
  const line = await textOf(host, journal);
  return line === "" ? undefined : Number(line.split(" ")[0]);
}

/** Does something, and gives when the dispatcher of a host says next that it has the address, in seconds since 1970. */
async function takenOver<Result>(host: string, act: () => Promise<Result>) {
  const said = () => lastSaid(host, "warren-dispatcher", `"event":"${logEvents.addressHeld}"`);
  const before = await said();
  const result = await act();
  let atSeconds = Number.NaN;
  await until(`the dispatcher of ${host} has the address`, 15_000, async () => {
    atSeconds = (await said()) ?? Number.NaN;
    return !Number.isNaN(atSeconds) && atSeconds !== before;
  });
  return { result, atSeconds };
}

/** Does some work, then something that heals, and waits for a healthy cluster. */
async function whole(work: () => Promise<unknown>, heal: () => Promise<unknown> = async () => {}): Promise<void> {
  try {
    await work();
  } finally {
    await heal();
  }
  await untilHealthy();
}

export function virtualIp(): void {
  part("the virtual IP", () => {
    it("is seen by the other host's dispatcher within a second of its move, and comes back", async () => {
      const { first, second } = await subject();
      // The kernel's events, not the poll that makes up for them: `ip monitor` can run in the unit's sandbox.
      for (const host of [first, second]) await untilPrints(host, "pgrep --exact ip | wc -l", "1", 10_000);
      await untilHealthy();
      const stopAndSee = async () => {
        const { atSeconds } = await takenOver(second, () => on(first, "systemctl stop keepalived"));
        const moved = (await lastSaid(second, "keepalived", "Entering MASTER STATE")) ?? Number.NaN;
        note("virtual IP moved, dispatcher sees it after", `${Math.round((atSeconds - moved) * 1000)} ms`, "1000 ms");
        expect(atSeconds - moved).toBeLessThan(1);
      };
      await whole(stopAndSee, () => on(first, "systemctl start keepalived"));
    });

    it("leaves a host whose dispatcher is killed at once, and stays with a broker where no dispatcher is", async () => {
      const { config, first, second } = await subject();
      const kill = "date +%s.%N; systemctl kill --signal=KILL --kill-whom=main warren-dispatcher";
      const { result: killed, atSeconds } = await takenOver(second, () => textOf(first, kill));
      const seconds = atSeconds - Number(killed);
      note("dispatcher killed, the other one has the address after", `${Math.round(seconds * 1000)} ms`, "500 ms");
      expect(seconds).toBeLessThan(1);
      await untilHealthy();
      const both = (verb: string) =>
        Promise.all([first, second].map((host) => on(host, `systemctl ${verb} warren-dispatcher`)));
      const stopBoth = async () => {
        await both("stop");
        const served = async () => (await virtualIpHolders(lab, config)).length === 1;
        await until("one host has the address, though none dispatches", 5_000, served);
      };
      await whole(stopBoth, () => both("start"));
    });

    it("stays where it is while a dispatcher restarts, and goes and comes when an operator says so", async () => {
      const { config, first, second, holderIs } = await subject();
      const faults = () => textOf(first, `${watched} | grep -c FAULT || true`);
      const before = await faults();
      await on(first, "systemctl restart warren-dispatcher");
      expect(await faults()).toBe(before);
      expect(await virtualIpHolders(lab, config)).toEqual([first]);
      await on(first, "/usr/local/lib/warren/stand-back yes");
      await holderIs(second);
      await on(first, "/usr/local/lib/warren/stand-back no");
      await holderIs(first);
      await untilHealthy();
    });
  });
}

/** What takes keepalived, heartbeats and the health's check their time. */
export function virtualIpSlowly(): void {
  part("the virtual IP, for longer", () => {
    it("leaves no connection behind on the host that it left: the broker there gives messages back at once", async () => {
      const { config, first } = await subject();
      const left = `ss -Htn state established src ${brokerVirtualIp(config).address} | wc -l`;
      const connection = await connect(brokerUrl(config));
      connection.on("error", () => {});
      const closed = new Promise((resolve) => connection.once("close", resolve));
      expect(Number(await textOf(first, left))).toBeGreaterThan(0);
      await on(first, "systemctl stop keepalived");
      const beganMs = performance.now();
      const seeEnd = async () => {
        await untilPrints(first, left, "0", 2_000);
        expect(await textOf(first, `${watched} | grep ended`)).toMatch(/ended \d+ connections/);
        // A client with nothing to say learns of it by its next heartbeat, which the other host refuses: ten seconds at most.
        await closed;
        noteSeconds("virtual IP moved, a silent client sees it after", (performance.now() - beganMs) / 1000, 10);
      };
      await whole(seeEnd, () => on(first, "systemctl start keepalived"));
    });

    it("is reported in the journal if two hosts have it, and if none has", async () => {
      const { config, first, second } = await subject();
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
      const stopAll = async () => {
        for (const host of [second, first]) await on(host, "systemctl stop keepalived");
        await says(second, /has no holder/);
      };
      await whole(stopAll, () => Promise.all([first, second].map((host) => on(host, "systemctl start keepalived"))));
    });

    it("goes away from a broker with an alarm, and stays where it is best when all have one", async () => {
      const { first, second, holderIs } = await subject();
      const alarmBoth = async () => {
        await alarm(first, true);
        await holderIs(second);
        await alarm(second, true);
        await holderIs(first);
      };
      await whole(alarmBoth, () => Promise.all([first, second].map((host) => alarm(host, false))));
    });
  });
}

/** A memory limit that every broker is above, or Debian's; and as many looks at it as it takes to count. */
async function alarm(host: string, isOn: boolean): Promise<void> {
  const control =
    "cd /var/lib/rabbitmq && runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmqctl";
  await on(host, `${control} --quiet set_vm_memory_high_watermark ${isOn ? "0.00001" : "0.4"}`);
  const unhealthy = "cat /run/warren/broker-health/unhealthy";
  await until(`the check of ${host}'s health counts`, 60_000, async () => {
    await on(host, "systemctl start warren-broker-health.service");
    return (await textOf(host, unhealthy)) === (isOn ? "1" : "0");
  });
}
