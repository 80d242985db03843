import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ConfirmChannel, GetMessage } from "amqplib";
import { afterEach, expect, it } from "vitest";
import { deadLetterQueue } from "../../agents/lib/topology.ts";
import { hostRoot } from "../../scripts/lab/index.ts";
import { hostsOf } from "../../scripts/lab/send-products.ts";
import { takeUntil, withChannel } from "./broker.ts";
import { part } from "./one-lab.ts";
import { lab, on, send, stackConfig, stackTrace, textOf, untilPrints } from "./subject.ts";

const productRoot = async (urp = "urp-1") =>
  join(await hostRoot(lab, urp), (await stackConfig()).announcements.productRoot);
const onPullers = async (script: string) =>
  Promise.all(hostsOf(await stackConfig(), "pds").map((host) => on(host, script)));

type IsIt = (body: string) => boolean;

/** Messages under a topic with this beginning, whose bodies are such. */
const isBelow =
  (topic: string, isIt: IsIt) =>
  ({ fields, content }: GetMessage): boolean =>
    fields.routingKey.startsWith(topic) && isIt(content.toString());

/**
 * Stops the pullers and writes one product on both URPs, urp-1 first: dispatched is its announcement, kept the other. Answers
 * with the queue of all that goes by from now on.
 */
async function announceBoth(channel: ConfirmChannel, what: string) {
  const name = `201501201810~~${what} ${Date.now()}:URP:IWA:RADAR:META`;
  const write = async (urp: string, stamp: string) => {
    const path = join(await productRoot(urp), "20150120/RADAR/URP/IWA", `${name}::${stamp}`);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, "gone soon");
    return path;
  };
  const isIt: IsIt = (body) => body.includes(encodeURI(name));
  await onPullers("systemctl stop warren-puller");
  const { queue: heard } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(heard, "cmc", "v00.urp.#");
  const first = await write("urp-1", "20150120180901");
  await takeUntil(channel, heard, isBelow("v00.urp.notify.", isIt));
  const second = await write("urp-2", "20150120180902");
  await takeUntil(channel, heard, isBelow("v00.urp.input.", isIt));
  return { heard, isIt, copies: { "urp-1": first, "urp-2": second } };
}

export function badProducts(): void {
  part("what is wrong with one product does no harm to others:", () => {
    afterEach(() => onPullers("systemctl start warren-puller"));

    it("one that its server has deleted between announcement and pull comes from the other", async () => {
      await withChannel(async (channel) => {
        const { heard, copies, isIt } = await announceBoth(channel, "DELETED ONCE");
        await rm(copies["urp-1"]);
        await onPullers("systemctl start --no-block warren-puller");
        const twin = await takeUntil(channel, heard, isBelow("v00.urp.twin.", isIt));
        expect(twin.properties.headers).toMatchObject({ "x-warren-alternate": expect.stringContaining("404") });
        const key = twin.content.toString().slice(0, 32);
        await takeUntil(
          channel,
          heard,
          isBelow("v00.urp.pulled", (body) => body === key),
        );
      });
    });

    it("one that both servers have deleted by then is put aside, with both reasons", async () => {
      await withChannel(async (channel) => {
        const { copies, isIt } = await announceBoth(channel, "DELETED TWICE");
        for (const copy of Object.values(copies)) await rm(copy);
        await onPullers("systemctl start --no-block warren-puller");
        const dead = await takeUntil(channel, deadLetterQueue, isBelow("", isIt));
        expect(dead.properties.headers).toMatchObject({
          "x-dead-agent": "puller",
          "x-dead-reason": expect.stringMatching(/^both failed: first: .*404.*; then: .*404/),
        });
      });
    });

    it("a malformed announcement is put aside, with the reason", async () => {
      await withChannel(async (channel) => {
        const body = `no announcement ${Date.now()}`;
        channel.publish("cmc", "v00.urp.input.20150120", Buffer.from(body), { persistent: true });
        await channel.waitForConfirms();
        const dead = await takeUntil(channel, deadLetterQueue, ({ content }) => content.toString() === body);
        expect(dead.properties.headers).toMatchObject({
          "x-dead-agent": "dispatcher",
          "x-dead-reason": expect.stringContaining("v00 has four fields"),
        });
      });
    });

    it("names with spaces, with other letters, with signs that URLs use, and files of 0 bytes come through", async () => {
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

    it("one whose folder is too long for a topic is refused, and the announcer says so and lives on", async () => {
      const pid = await textOf("urp-1", "systemctl show --property=MainPID --value warren-announcer");
      const top = `too-long-${Date.now()}`;
      const root = await productRoot();
      const path = join(root, top, "a".repeat(120), "b".repeat(120), "product");
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, "no topic takes it");
        const journal = `journalctl --no-pager -o cat -u warren-announcer | grep ${top} || true`;
        await untilPrints("urp-1", journal, /has \d+ bytes, at most \d+ fit/, 20_000);
        expect(await textOf("urp-1", "systemctl show --property=MainPID --value warren-announcer")).toBe(pid);
      } finally {
        await rm(join(root, top), { recursive: true });
      }
    });

    it("an agent whose port another process has says which, and comes up once it is free", async () => {
      await on("pds-2", "systemctl stop warren-puller");
      await on("pds-2", "systemd-run --quiet --unit=squatter --socket-property=ListenStream=127.0.0.1:9103 true");
      try {
        await on("pds-2", "systemctl start --no-block warren-puller");
        const journal = "journalctl --no-pager -o cat -u warren-puller --since=-60s";
        await untilPrints("pds-2", journal, /127\.0\.0\.1:9103 is in use by another process/, 20_000);
        expect(await textOf("pds-2", journal)).not.toMatch(stackTrace);
      } finally {
        await on("pds-2", "systemctl stop squatter.socket");
      }
      await untilPrints("pds-2", "systemctl is-active warren-puller", "active", 20_000);
    });
  });
}
