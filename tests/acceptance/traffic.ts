import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { startServices } from "../chaos/strikes.ts";
import { untilHealthy, withChannel } from "./broker.ts";
import { note } from "./figures.ts";
import { expectAllOnce, fewPerSecond, type Work, whileFlowing } from "./flowing.ts";
import { part } from "./one-lab.ts";
import { on, send, stackConfig, textOf, until } from "./subject.ts";

const count = 200;

export function products(): void {
  part("products", () => {
    it("arrive once and intact, 20 a second, and every puller takes part", async () => {
      const { account, details, outcome } = await send({ count });
      note(`${count} products, p99 from closed to received`, `${account.latencyMs.p99} ms`, "250 ms");
      expect(outcome).toBe("complete");
      const announced = hostsOf(await stackConfig(), "urp").map((urp) => [urp, count]);
      expect(account).toMatchObject({
        announced: Object.fromEntries(announced),
        dispatched: count,
        lost: 0,
        repeated: 0,
        wrongSize: 0,
        wrongContent: 0,
      });
      expect(Object.values(account.pulled).reduce((sum, pulled) => sum + pulled, 0)).toBe(count);
      expect(details.idle).toEqual([]);
      expect(account.latencyMs.p99).toBeLessThan(2000);
    });

    it("are announced as the requirement's example is, byte for byte, by full names that every host resolves", async () => {
      const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
      const folder = "20150120/RADAR/URP/IWA";
      const bodies: string[] = [];
      const { announcements, hosts } = await stackConfig();
      await withChannel(async (channel) => {
        const { queue } = await channel.assertQueue("", { exclusive: true });
        await channel.bindQueue(queue, announcements.exchange, `${announcements.inputTopic}.20150120.#`);
        await channel.consume(queue, (message) => message && bodies.push(message.content.toString()), { noAck: true });
        const root = `${announcements.productRoot}/${folder}`;
        const make = `install -d -o px -g px ${root} && head -c 498081 /dev/zero > ${root}/.made`;
        await on("urp-1", `${make} && mv ${root}/.made '${root}/${name}'`);
        await until("the example is announced", 60_000, async () => bodies.length > 0);
      });
      expect(bodies).toEqual([
        `a985c32cbdee8af2ab5d7b8f6022e781 498081 http://urp-1.cmc.ec.gc.ca/ db/${folder}/${name}`,
      ]);
      for (const [host, { address }] of Object.entries(hosts)) {
        expect(await textOf("pds-1", `getent ahostsv4 ${host}.cmc.ec.gc.ca`)).toMatch(`${address} `);
        expect(await textOf(host, "hostname --fqdn")).toBe(`${host}.cmc.ec.gc.ca`);
      }
    });

    it("arrive whatever their names, with spaces, non-ASCII letters and URL characters, and with 0 bytes", async () => {
      const folder = await mkdtemp(join(tmpdir(), "warren-own-"));
      try {
        const names = ["two words", "précipité été", "雨量", "100% #2 + ?x=1&y", "empty"];
        const files = names.map((name) => join(folder, name));
        for (const file of files) await writeFile(file, file.endsWith("empty") ? "" : `content of ${file}`);
        const { account, details, outcome } = await send({ files });
        expect(outcome).toBe("complete");
        expect(details).toMatchObject({ lost: [], repeated: [], wrong: [] });
        expect(account.dispatched).toBe(names.length);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });
}

const killsWithinMs = 400_000;

/**
 * Kills agents at the same time, then each broker node, one after the other, while dispatched products wait in their queue: pullers fetch them
 * after every node has died once.
 */
const kills: readonly Work[] = [
  {
    name: "an announcer, a dispatcher and a puller killed",
    async act({ members: [first = ""] }) {
      const killed = [
        ["urp-1", "warren-announcer"],
        [first, "warren-dispatcher"],
        ["pds-1", "warren-puller"],
      ] as const;
      await Promise.all(
        killed.map(([host, unit]) => on(host, `kill -9 $(systemctl show --property=MainPID --value ${unit})`)),
      );
    },
  },
  {
    name: "each node killed, one after the other",
    mayPage: true,
    async act(scene) {
      const pullers = (verb: string) =>
        Promise.all(scene.folders.map(({ pds }) => on(pds, `systemctl ${verb} warren-puller`)));
      await pullers("stop");
      try {
        for (const host of scene.members) {
          await on(host, "kill -9 $(pgrep -x beam.smp)");
          // Without systemd's delay of some seconds.
          await startServices(scene, [host]);
          await untilHealthy();
        }
      } finally {
        await pullers("start");
      }
    },
  },
];

/** Kills agents and every node of the cluster with kill -9. `chaos` makes other faults, and several at once. */
export function killed(): void {
  part("no product is lost when kill -9 hits, while products flow,", () => {
    it("agents, then every node of the broker", { timeout: killsWithinMs }, async () => {
      const account = await whileFlowing(kills, killsWithinMs, fewPerSecond);
      expectAllOnce(account, { called: "kill -9: products during it", mayDeliverTwice: true });
    });
  });
}
