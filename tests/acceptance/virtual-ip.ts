import { connect } from "amqplib";
import { expect, it } from "vitest";
import { logEvents } from "../../agents/lib/log-events.ts";
import { brokerUrl, hostsOf } from "../../scripts/lab/send-products.ts";
import { brokerVirtualIp, virtualIpHolders } from "../../scripts/lab/virtual-ip.ts";
import { untilHealthy } from "./broker.ts";
import { note, noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig, textOf, until, untilPrints } from "./subject.ts";

/** The log of the virtual IP watch since the host booted. */
const watched = "journalctl --boot --no-pager --output=cat --identifier=warren-vip";

/** The host that should have the virtual IP, and the other one. */
async function subject() {
  const config = await stackConfig();
  const [first = "", second = ""] = hostsOf(config, "bunny");
  const holderIs = (host: string) =>
    until(`${host} has the address`, 20_000, async () => (await virtualIpHolders(lab, config)).join() === host);
  return { config, first, second, holderIs };
}

/** When a unit last logged some words, in seconds since 1970; undefined if never. */
async function lastLogged(host: string, unit: string, words: string): Promise<number | undefined> {
  const journal = `journalctl --no-pager --output=short-unix --unit=${unit} | grep -F '${words}' | tail -n 1`;
  const line = await textOf(host, journal);
  return line === "" ? undefined : Number(line.split(" ")[0]);
}

/** Does some work. @returns when a host's dispatcher next logs that it has the address, in seconds since 1970 */
async function takeOverTime<Result>(host: string, act: () => Promise<Result>) {
  const held = () => lastLogged(host, "warren-dispatcher", `"event":"${logEvents.addressHeld}"`);
  const before = await held();
  const result = await act();
  let atSeconds = Number.NaN;
  await until(`the dispatcher of ${host} has the address`, 15_000, async () => {
    atSeconds = (await held()) ?? Number.NaN;
    return !Number.isNaN(atSeconds) && atSeconds !== before;
  });
  return { result, atSeconds };
}

/** Does some work, heals its effects, and waits for a healthy cluster. */
async function thenHealthy(work: () => Promise<unknown>, heal: () => Promise<unknown> = async () => {}): Promise<void> {
  try {
    await work();
  } finally {
    await heal();
  }
  await untilHealthy();
}

export function virtualIp(): void {
  part("the virtual IP", () => {
    it("is noticed by the other host's dispatcher within a second of its move, and returns", async () => {
      const { first, second } = await subject();
      // `ip monitor` must run in the unit's sandbox, so that the kernel's events are used, not the fallback poll.
      for (const host of [first, second]) await untilPrints(host, "pgrep --exact ip | wc -l", "1", 10_000);
      await untilHealthy();
      const stopAndSee = async () => {
        const { atSeconds } = await takeOverTime(second, () => on(first, "systemctl stop keepalived"));
        const moved = (await lastLogged(second, "keepalived", "Entering MASTER STATE")) ?? Number.NaN;
        note(
          "virtual IP moved, dispatcher notices it after",
          `${Math.round((atSeconds - moved) * 1000)} ms`,
          "1000 ms",
        );
        expect(atSeconds - moved).toBeLessThan(1);
      };
      await thenHealthy(stopAndSee, () => on(first, "systemctl start keepalived"));
    });

    it("leaves a host at once when its dispatcher is killed, and stays on a broker when no dispatcher runs", async () => {
      const { config, first, second } = await subject();
      const kill = "date +%s.%N; systemctl kill --signal=KILL --kill-whom=main warren-dispatcher";
      const { result: killed, atSeconds } = await takeOverTime(second, () => textOf(first, kill));
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
      await thenHealthy(stopBoth, () => both("start"));
    });

    it("stays while a dispatcher restarts, and moves away and back on an operator's command", async () => {
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

/** Slow tests: they wait for keepalived, heartbeats and the health check. */
export function virtualIpSlowly(): void {
  part("the virtual IP, slow tests", () => {
    it("leaves no connection on its previous host: the broker there requeues messages at once", async () => {
      const { config, first } = await subject();
      const left = `ss -Htn state established src ${brokerVirtualIp(config).address} | wc -l`;
      const connection = await connect(brokerUrl(config));
      connection.on("error", () => {});
      const closed = new Promise((resolve) => connection.once("close", resolve));
      expect(Number(await textOf(first, left))).toBeGreaterThan(0);
      await on(first, "systemctl stop keepalived");
      const beganMs = performance.now();
      const expectEnd = async () => {
        await untilPrints(first, left, "0", 2_000);
        expect(await textOf(first, `${watched} | grep ended`)).toMatch(/ended \d+ connections/);
        // An idle client notices at its next heartbeat, which the other host refuses: within ten seconds.
        await closed;
        noteSeconds("virtual IP moved, an idle client notices it after", (performance.now() - beganMs) / 1000, 10);
      };
      await thenHealthy(expectEnd, () => on(first, "systemctl start keepalived"));
    });

    it("is reported in the journal if two hosts have it, and if no host has it", async () => {
      const { config, first, second } = await subject();
      const { address } = brokerVirtualIp(config);
      const reports = (host: string, words: RegExp) => untilPrints(host, `${watched} | tail -n 1`, words, 15_000);
      await on(second, `ip address add ${address}/32 dev eth0`);
      try {
        expect(await virtualIpHolders(lab, config)).toEqual([first, second]);
        await reports(first, /has two holders: this host and [0-9a-f:]{17}/);
      } finally {
        await on(second, `ip address del ${address}/32 dev eth0`);
      }
      await reports(first, /has one holder again/);
      const stopAll = async () => {
        for (const host of [second, first]) await on(host, "systemctl stop keepalived");
        await reports(second, /has no holder/);
      };
      await thenHealthy(stopAll, () =>
        Promise.all([first, second].map((host) => on(host, "systemctl start keepalived"))),
      );
    });

    it("leaves a broker with an alarm, and stays on the preferred host when all brokers have one", async () => {
      const { first, second, holderIs } = await subject();
      const alarmBoth = async () => {
        await alarm(first, true);
        await holderIs(second);
        await alarm(second, true);
        await holderIs(first);
      };
      await thenHealthy(alarmBoth, () => Promise.all([first, second].map((host) => alarm(host, false))));
    });
  });
}

/** Sets a memory limit that every broker exceeds, or Debian's, and runs the health check until it counts. */
async function alarm(host: string, isOn: boolean): Promise<void> {
  const control =
    "cd /var/lib/rabbitmq && runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq /usr/lib/rabbitmq/bin/rabbitmqctl";
  await on(host, `${control} --quiet set_vm_memory_high_watermark ${isOn ? "0.00001" : "0.4"}`);
  const unhealthy = "cat /run/warren/broker-health/unhealthy";
  await until(`the health check of ${host} counts`, 60_000, async () => {
    await on(host, "systemctl start warren-broker-health.service");
    return (await textOf(host, unhealthy)) === (isOn ? "1" : "0");
  });
}
