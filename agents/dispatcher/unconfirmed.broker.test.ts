import { describe, expect } from "vitest";
import type { Place } from "../../tests/rigs/dispatcher/place.ts";
import { placeTest as test } from "../../tests/rigs/dispatcher/place-test.ts";
import type { Rig } from "../../tests/rigs/dispatcher/rig.ts";

// The state a broker leaves when it dies in the middle of a publish is built by hand here: a cluster that loses a node is not
// proved.

/** A dispatcher starts in half a second; in ten on a busy machine. */
const waitMs = { timeout: 100_000 };

describe("a product whose publish only the ledger has", () => {
  /** As left by a broker that died between two queues: delivered before, in the ledger, not in the pull queue. */
  async function halfPublished(rig: Rig, place: Place, number: number): Promise<string> {
    const { key, body } = place.announcement(1, number);
    await place.announce(body);
    await rig.meddle(async (channel) => {
      await channel.consume(place.inputQueue, () => {});
      await expect.poll(() => place.count(place.inputQueue), waitMs).toBe(0);
    });
    await rig.meddle(async (channel) => {
      const [ledger, exchange] = [`cmc.urp.ledger.${place.name}-a`, `cmc.${place.name}.half`];
      await channel.assertExchange(exchange, "topic");
      await channel.bindQueue(ledger, exchange, "#");
      const properties = { messageId: "somebody-1", timestamp: Math.ceil(Date.now() / 1000), persistent: true };
      channel.publish(exchange, "v00.urp.notify.RADAR", body, properties);
    });
    return key;
  }

  test("is held until a puller's receipt arrives, and then not published again", async ({ place, rig }) => {
    await (await place.dispatcher()).end();
    const key = await halfPublished(rig, place, 1);
    const dispatcher = await place.dispatcher();
    await expect.poll(() => dispatcher.metric("doubts_open"), waitMs).toBe(1);
    const timestampSeconds = Math.ceil(Date.now() / 1000);
    await place.session.publish(`cmc.${place.name}`, "v00.urp.pulled", Buffer.from(key), { timestampSeconds });
    await expect.poll(() => dispatcher.metric('doubts_settled_total{how="receipt"}'), waitMs).toBe(1);
    await place.endWell(dispatcher);
    expect(place.pulled.size).toBe(0);
  });

  test("is published again, marked as unconfirmed, when a later product has its receipt and this one has none", async ({
    place,
    rig,
  }) => {
    await (await place.dispatcher()).end();
    const key = await halfPublished(rig, place, 1);
    const dispatcher = await place.dispatcher("a", { doubtSeconds: 2 });
    await expect.poll(() => dispatcher.metric("doubts_open"), waitMs).toBe(1);
    let number = 1;
    const outAfterOneMore = async (): Promise<boolean> => {
      await place.allOut(await place.announceFirst(1, ++number));
      return place.pulled.has(key);
    };
    await expect.poll(outAfterOneMore, { ...waitMs, interval: 200 }).toBe(true);
    expect(place.pulled.get(key)?.deliveries[0]?.marks).toMatchObject({ doubt: true });
    await place.endWell(dispatcher);
    expect(place.repeated).toBe(0);
  });

  test("is published again, marked, when the pull queue stays empty and nothing else is announced", async ({
    place,
    rig,
  }) => {
    await (await place.dispatcher()).end();
    const key = await halfPublished(rig, place, 1);
    // More than the five between two checks of the pull queue: else it was not seen to stay empty.
    const dispatcher = await place.dispatcher("a", { doubtSeconds: 6 });
    await expect.poll(() => place.pulled.has(key), { ...waitMs, interval: 200 }).toBe(true);
    expect(place.pulled.get(key)?.deliveries[0]?.marks).toMatchObject({ doubt: true });
    expect(await dispatcher.metric('doubts_settled_total{how="again"}')).toBe(1);
    await place.endWell(dispatcher);
  });
});

describe("a product that its announcer repeats because a broker may have lost it", () => {
  const again = { filename: "x", "x-warren-again": "1" };

  test("is a twin if a puller has it, and waits for the receipt otherwise", async ({ place }) => {
    const dispatcher = await place.dispatcher();
    const pulled = place.announcement(1, 1);
    await place.allOut(await place.announceFirst(1, 1));
    await expect.poll(() => dispatcher.metric("ledger_unacked"), waitMs).toBe(0);
    await place.announce(pulled.body, undefined, again);
    await expect.poll(() => place.count(place.inputQueue), waitMs).toBe(0);
    place.withholdReceipts();
    const unsure = place.announcement(1, 2);
    await place.announce(unsure.body);
    await place.allOut([unsure.key]);
    // Before its confirm, its announcements wait with it and are twins.
    await expect.poll(() => dispatcher.metric("in_flight"), waitMs).toBe(0);
    await place.announce(unsure.body, undefined, again);
    await expect.poll(() => dispatcher.metric("doubts_open"), waitMs).toBe(1);
    const timestampSeconds = Math.ceil(Date.now() / 1000);
    await place.session.publish(`cmc.${place.name}`, "v00.urp.pulled", Buffer.from(unsure.key), { timestampSeconds });
    await expect.poll(() => dispatcher.metric("doubts_open"), waitMs).toBe(0);
    await place.endWell(dispatcher);
    expect(place.repeated).toBe(0);
  });

  test("is published, marked as unconfirmed and without the announcer's mark, if it is unknown", async ({ place }) => {
    const dispatcher = await place.dispatcher();
    const { key, body } = place.announcement(1, 1);
    await place.announce(body, undefined, again);
    await place.allOut([key]);
    expect(place.pulled.get(key)?.deliveries[0]).toMatchObject({
      headers: { filename: "x" },
      marks: { doubt: true, joined: true },
    });
    await place.endWell(dispatcher);
  });
});
