import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { connect as connectAmqp } from "amqplib";
import { expect, test } from "vitest";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { openTap } from "./tap.ts";

test("a broker that refuses the tap is named in one line, and its messages are counted once it answers", async () => {
  const broker = await sharedBroker();
  const connection = await connectAmqp(broker.url);
  const channel = await connection.createConfirmChannel();
  await channel.assertExchange("tapped", "topic", { durable: false });
  const real = new URL(broker.url);
  let isOpen = false;
  const door = createServer((client: Socket) => {
    if (!isOpen) return client.resetAndDestroy();
    const inner = connect(Number(real.port), real.hostname);
    for (const [one, other] of [
      [client, inner],
      [inner, client],
    ] as const)
      one.on("error", () => other.destroy()).pipe(other);
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
  const { port } = door.address() as AddressInfo;
  const said: string[] = [];
  const url = Object.assign(new URL(broker.url), { port: String(port) }).href;
  const tap = await openTap({ broker: url, exchange: "tapped", name: "tap-test", say: (line) => said.push(line) });
  try {
    expect(said).toEqual([
      expect.stringMatching(
        `^the broker at [^ ]+:${port} can't be used \\(.+\\); its messages are not counted until it`,
      ),
    ]);
    expect(tap.counts.tapGaps).toBe(1);
    const announced = once(tap, "announced");
    isOpen = true;
    // What nobody is bound for is returned, until the tap is there.
    channel.on("return", publish);
    publish();
    expect(await announced).toEqual(["a-product"]);
    expect(said).toHaveLength(1);
  } finally {
    await tap.close();
    door.close();
    await channel.deleteExchange("tapped");
    await connection.close();
  }

  function publish(): void {
    const body = Buffer.from("d41d8cd98f00b204e9800998ecf8427e 0 http://urp-1/ db/20150120/RADAR/URP/IWA/a-product");
    channel.publish("tapped", "v00.urp.input.20150120", body, { mandatory: true });
  }
});
