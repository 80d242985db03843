import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { connect } from "amqplib";
import { expect, it } from "vitest";
import { codecs } from "../../agents/lib/codecs.ts";
import { openPublicTap, publicBroker, sendToPublic } from "../../scripts/lab/send-public.ts";
import { hostRoot } from "../../scripts/lab/ssh.ts";
import type { PublicResult } from "../../scripts/traffic/public-run.ts";
import { note } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, on, stackConfig, textOf, until, untilPrints } from "./subject.ts";

let seed = 300;

/** Sends products down the public data server path as `./warren lab` does. */
export async function sendPublic(count: number, onFetched?: (fetched: number) => void): Promise<PublicResult> {
  seed += 1;
  const [result] = (
    await sendToPublic({
      ...{ name: lab, config: await stackConfig(), count, ratePerSecond: 20, seed },
      signal: AbortSignal.timeout(200_000),
      ...(onFetched ? { onFetched } : {}),
    })
  ).values();
  if (!result) throw new Error("the lab's stack has no public data server path");
  return result;
}

/** Posts a file of the public data server as sr3 does. */
async function postV03(relPath: string): Promise<void> {
  const { url, ca } = await publicBroker(lab, await stackConfig());
  const post = codecs.v03.format({ baseUrl: "http://wxo-b1/", relPath, pubTimeMs: Date.now() });
  if (!post.ok) throw new Error(post.reason);
  const connection = await connect(url, ca === undefined ? {} : { ca: [Buffer.from(ca)] });
  try {
    const channel = await connection.createConfirmChannel();
    channel.publish("xs_sr3", `v03.${dirname(relPath)}`, post.value.body, { contentType: "application/json" });
    await channel.waitForConfirms();
  } finally {
    await connection.close();
  }
}

/** The path from px through the public data server to a client. Other parts test what all hosts have in common: `up`, drift, `destroy`. */
export function publicRoad(): void {
  part("px's delivery account", () => {
    it("has SFTP below the document root, and nothing else", async () => {
      const key = "-i /etc/warren/secrets/delivery-key -o BatchMode=yes -o StrictHostKeyChecking=yes";
      const known = "-o UserKnownHostsFile=/etc/warren/delivery_known_hosts";
      const shell = await textOf("px-1", `ssh ${key} ${known} wxofeed@wxo-b1 id 2>&1 || true`);
      expect(shell).toBe("This service allows sftp connections only.");
      const outside = "printf 'put /etc/hostname /hostname\\nput /etc/hostname /public/hostname\\n'";
      const output = await textOf("px-1", `${outside} | sftp -b - ${key} ${known} wxofeed@wxo-b1 2>&1 || true`);
      expect(output).toMatch(/\/hostname.*Permission denied/s);
      expect(await textOf("wxo-b1", "ls /apps/dd /apps/dd/public | grep -c hostname || true")).toBe("0");
    });
  });

  part("the FTP server that px delivers to", () => {
    // Prints the server's greeting, or the connection error; then sends these lines, here a wrong password if plain text is allowed.
    const greeting = (lines: readonly string[]) =>
      `/opt/warren/node/bin/node -e '
        const lines = ${JSON.stringify(lines)};
        const socket = require("node:net").connect(21, "wxo-b1");
        socket.setEncoding("utf8").on("error", (error) => console.log(error.code));
        socket.on("data", (text) => { console.log(text.trim()); lines.length > 0 ? socket.write(lines.shift() + "\\r\\n") : socket.end(); });'`;

    it("is closed to hosts that don't deliver, and to wrong passwords", async () => {
      expect(await textOf("client-1", greeting([]))).toBe("ECONNREFUSED");
      const output = await textOf("px-1", greeting(["USER wxofeed", "PASS not-the-password"]));
      expect(output).toMatch(
        /^220 .*\n(331 .*\n530 Login incorrect\.|530 Non-anonymous sessions must use encryption\.)/,
      );
    });
  });

  part("products from px to a client", () => {
    it("arrive once and intact", async () => {
      const { account, outcome } = await sendPublic(60);
      note("60 products from px to a client, p99", `${account.latencyMs.p99} ms`);
      expect(outcome).toBe("complete");
      expect(account).toMatchObject({ announced: 60, fetched: { "client-1": 60 }, lost: 0, repeated: 0 });
      expect(account.given).toEqual({ sftp: 30, ftp: 30 });
      expect(account).toMatchObject({ wrongSize: 0, wrongContent: 0 });
    });

    it("all arrive after kill -9 of the delivering sender, the announcing sender and the client", async () => {
      const faults = [
        ["px-1", "warren-delivery-sftp"],
        ["px-1", "warren-delivery-ftp"],
        ["px-1", "warren-dd-notify"],
        ["client-1", "warren-subscriber"],
      ] as const;
      const count = 80;
      const done: Promise<unknown>[] = [];
      const { account, details, outcome } = await sendPublic(count, (fetched) => {
        const fault = faults[done.length];
        if (!fault || fetched < ((done.length + 1) * count) / (faults.length + 2)) return;
        const [host, unit] = fault;
        done.push(on(host, `kill -9 $(systemctl show --property=MainPID --value ${unit})`));
      });
      await Promise.all(done);
      expect(done).toHaveLength(faults.length);
      note("agents of the public data server path killed: announced again", String(account.repeated));
      expect(outcome).toBe("complete");
      expect(details.lost).toEqual([]);
      expect(account).toMatchObject({ fetched: { "client-1": count }, lost: 0, wrongSize: 0, wrongContent: 0 });
    });

    it("that sr3 posts arrive once through the bridge, and their URLs in px's receiver queue", async () => {
      const config = await stackConfig();
      const tap = await openPublicTap({ name: lab, config, exchange: "cmc", topic: "exp.dd.notify.bridged" });
      try {
        const name = `posted-${Date.now()}.txt`;
        const folder = join(await hostRoot(lab, "wxo-b1"), "apps/dd/public/bridged");
        await mkdir(folder, { recursive: true });
        await writeFile(join(folder, name), "posted\n");
        await postV03(`bridged/${name}`);
        await untilPrints("client-1", `cat /apps/px/rxq/dd/${name}`, "posted", 60_000);
        await untilPrints(
          "px-1",
          "cat /apps/px/rxq/urls/exp.dd.notify.bridged.*",
          `http://wxo-b1/bridged/${name}`,
          60_000,
        );
        expect(tap.counts.announced.get(name)).toBe(1);
      } finally {
        await tap.close();
      }
    });

    it("are announced by the watcher if no sender delivers them", async () => {
      const config = await stackConfig();
      const topic = "exp.dd.notify.citypage_weather";
      const tap = await openPublicTap({ name: lab, config, exchange: "xpublic", topic });
      try {
        const tree = join(await hostRoot(lab, "wxo-b1"), "apps/dd/public/citypage_weather");
        await writeFile(join(tree, "s0000001_e.xml"), "<weather/>\n");
        await until("the file is announced", 60_000, async () => tap.counts.announced.get("s0000001_e.xml") === 1);
        const fetched = await textOf(
          "client-1",
          `/opt/warren/node/bin/node -e 'fetch("http://wxo-b1/citypage_weather/s0000001_e.xml").then(async (r) => console.log(await r.text()))'`,
        );
        expect(fetched).toBe("<weather/>");
      } finally {
        await tap.close();
      }
    });
  });
}
