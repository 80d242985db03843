import { describe, expect } from "vitest";
import { placeTest as test } from "../../tests/rigs/dispatcher/place-test.ts";
import { seededChoices } from "../../tests/rigs/seeded.ts";

const chosen = seededChoices();

// Real dispatchers with a real broker, killed like in a crash. Not proved here: a cluster that loses a node in the middle of a
// publish, cut networks, and a virtual IP (take-over.lab.test.ts).

/** A dispatcher starts in half a second; in ten on a busy machine. */
const waitMs = { timeout: 100_000 };
/** Each kill comes after a random number of products; together there are more than 2,000. */
const atRandom = (products: number): number => products + Math.floor(chosen(50));

describe("one dispatcher", () => {
  test("publishes each product that two radar servers announce exactly once, and settles everything", async ({
    place,
  }) => {
    const dispatcher = await place.dispatcher();
    const keys = await place.announceFirst(400);
    await place.announceTwins(400);
    await place.allOut(keys);
    await place.endWell(dispatcher);
    expect([place.pulled.size, place.repeated]).toEqual([400, 0]);
  });

  test("publishes under exactly v00.urp.notify with notifyKey: exact: queue and ledger hear it, and a restart knows it", async ({
    place,
  }) => {
    const exact = { notifyKey: "exact" };
    const first = await place.dispatcher("a", exact);
    await place.allOut(await place.announceFirst(50));
    await first.kill();
    const second = await place.dispatcher("a", exact);
    await place.announceTwins(50);
    await second.twinsOfSecond(50);
    await place.endWell(second);
    const keys = [...place.pulled.values()].flatMap(({ deliveries }) => deliveries.map(({ routingKey }) => routingKey));
    expect(new Set(keys)).toEqual(new Set(["v00.urp.notify"]));
    expect([place.pulled.size, place.repeated]).toEqual([50, 0]);
  });

  test("loses nothing and repeats nothing when it is killed again and again under load", async ({ place }) => {
    const load = place.load();
    for (let kills = 0; kills < 6; kills++) {
      const dispatcher = await place.dispatcher();
      await place.more(atRandom(350));
      await dispatcher.kill();
    }
    const last = await place.dispatcher();
    const keys = await load.stop();
    await place.allOut(keys);
    await place.endWell(last);
    expect([place.pulled.size, place.repeated], place.repeats).toEqual([keys.length, 0]);
    console.info(`one dispatcher killed 6 times over ${keys.length} products: 0 lost, 0 repeated`);
  });

  test.for(["SIGKILL", "SIGTERM"] as const)(
    "knows after a %s what was published before: later twins are dropped",
    async (signal, { place }) => {
      const first = await place.dispatcher();
      const keys = await place.announceFirst(300);
      await place.allOut(keys);
      first.signal(signal);
      await first.exited;
      const second = await place.dispatcher();
      await place.announceTwins(300);
      await second.twinsOfSecond(300);
      await place.endWell(second);
      expect([place.pulled.size, place.repeated]).toEqual([300, 0]);
    },
  );

  test("learns from its journal alone if the ledger is empty, and from its ledger alone", async ({ place }) => {
    place.withholdReceipts();
    const first = await place.dispatcher();
    await place.allOut(await place.announceFirst(50));
    await first.end();
    // Its last message stays. The broker still works off the acks of the closed connection.
    await expect.poll(() => place.count(`cmc.urp.ledger.${place.name}-a`)).toBe(1);
    const second = await place.dispatcher();
    await place.announceTwins(50);
    await second.twinsOfSecond(50);
    await second.end();
    // A host that was away: the broker kept for it what it has not read.
    const [away, other] = [await place.dispatcher("b"), await place.dispatcher("a")];
    await away.end();
    await place.allOut(await place.announceFirst(50, 50));
    await other.end();
    const back = await place.dispatcher("b");
    await place.announceTwins(50, 50);
    await back.twinsOfSecond(50);
    expect(place.repeated).toBe(0);
  });

  test("SIGTERM under load ends it with exit code 0: what it published is settled, and the next process reads the rest", async ({
    place,
  }) => {
    const first = await place.dispatcher();
    const load = place.load();
    await place.more(200);
    expect(await first.end()).toEqual([0, null]);
    const second = await place.dispatcher();
    const keys = await load.stop();
    await place.allOut(keys);
    await place.endWell(second);
    expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
  });

  test("what is not an announcement is dead-lettered with the reason, and what follows it is still published", async ({
    place,
  }) => {
    const dispatcher = await place.dispatcher();
    const good = place.announcement(1, 1);
    await place.announce(Buffer.from("not an announcement"));
    await place.announce(good.body, `v00.urp.input.${"x".repeat(255 - "v00.urp.input.".length)}`);
    await place.announce(good.body);
    await place.allOut([good.key]);
    await expect.poll(() => dispatcher.metric("dead_letters_total"), waitMs).toBe(2);
    const aside = await place.deadLetters(2);
    expect(aside).toContainEqual({ reason: expect.stringMatching(/four fields/), body: "not an announcement" });
    expect(aside).toContainEqual({ reason: expect.stringMatching(/no room/), body: good.body.toString() });
  });

  test("passes headers on, with the time of the product's first arrival", async ({ place }) => {
    await place.dispatcher();
    const { key, body } = place.announcement(1, 1);
    const beforeMs = Date.now();
    await place.announce(body, undefined, { filename: "x", "x-own": 7 });
    await place.allOut([key]);
    const [delivery] = place.pulled.get(key)?.deliveries ?? [];
    expect(delivery?.headers).toEqual({ filename: "x", "x-own": 7 });
    expect((delivery?.timestampSeconds ?? 0) * 1000).toBeGreaterThanOrEqual(beforeMs);
    expect((delivery?.timestampSeconds ?? 0) * 1000).toBeLessThan(Date.now() + 1000);
  });

  test("a puller that can't fetch the winner's file gets the twin, with the reason, once", async ({ place }) => {
    const dispatcher = await place.dispatcher("a", { receipts: false });
    const { key, body } = place.announcement(1, 1);
    await place.announce(body);
    await place.allOut([key]);
    await place.announceTwins(1, 1);
    await dispatcher.twinsOfSecond(1);
    const request = () => place.announce(body, "v00.urp.alternate.RADAR", { "x-warren-reason": "urp-1 says 404" });
    await request();
    await expect.poll(() => place.twins.get(key)?.length, waitMs).toBe(1);
    const [twin] = place.twins.get(key) ?? [];
    expect(twin?.body.toString()).toMatch(/ http:\/\/urp-2\./);
    expect(twin?.marks).toEqual({ alternate: expect.stringContaining("urp-1 says 404") });
    await request();
    await expect.poll(() => dispatcher.metric('alternates_total{how="served"}'), waitMs).toBe(1);
    await place.endWell(dispatcher);
    expect(place.twins.get(key)).toHaveLength(1);
  });

  test("a source that is silent while another announces raises an alarm, until it announces again", async ({
    place,
  }) => {
    const dispatcher = await place.dispatcher("a", { silenceSeconds: 5 });
    await place.allOut(await place.announceFirst(3));
    await place.announceTwins(3);
    const stop = new AbortController();
    let isBack = false;
    const running = (async () => {
      for (let number = 10; !stop.signal.aborted; number++) {
        await place.allOut(await place.announceFirst(1, number));
        if (isBack) await place.announceTwins(1, number);
      }
    })();
    expect(await dispatcher.logged("a source is silent while another one announces")).toMatchObject({
      source: "urp-2.cmc.ec.gc.ca",
      level: "warn",
    });
    expect(await dispatcher.health()).toMatchObject({ ok: false, text: expect.stringContaining("SILENT: urp-2") });
    expect(await dispatcher.metric('source_silent{source="urp-2.cmc.ec.gc.ca"}')).toBe(1);
    isBack = true;
    await dispatcher.logged("a source that was silent announces again");
    stop.abort();
    await running;
    expect((await dispatcher.health()).text).not.toContain("SILENT");
  });
});

describe("two dispatchers, each with its ledger and its folder", () => {
  test("when the active one is killed again and again, the other takes over: nothing lost, nothing twice", async ({
    place,
  }) => {
    const load = place.load();
    let [working, waiting] = [await place.dispatcher("a"), await place.dispatcher("b")];
    for (let kills = 0; kills < 4; kills++) {
      await place.more(atRandom(250));
      await working.kill();
      await place.more(atRandom(250));
      [working, waiting] = [waiting, await place.dispatcher(kills % 2 === 0 ? "a" : "b")];
    }
    const keys = await load.stop();
    await place.allOut(keys);
    await Promise.all([waiting.end(), place.endWell(working)]);
    expect([place.pulled.size, place.repeated], place.repeats).toEqual([keys.length, 0]);
    console.info(`two dispatchers, the active one killed 4 times over ${keys.length} products: 0 lost, 0 repeated`);
  });

  test("both killed at once lose nothing and repeat nothing", async ({ place }) => {
    const load = place.load();
    for (let kills = 0; kills < 3; kills++) {
      const both = await Promise.all([place.dispatcher("a"), place.dispatcher("b")]);
      await place.more(atRandom(700));
      await Promise.all(both.map((dispatcher) => dispatcher.kill()));
    }
    const both = await Promise.all([place.dispatcher("a"), place.dispatcher("b")]);
    const keys = await load.stop();
    await place.allOut(keys);
    await place.settled();
    for (const dispatcher of both) expect(await dispatcher.end()).toEqual([0, null]);
    expect(await place.count(place.inputQueue)).toBe(0);
    expect([place.pulled.size, place.repeated], place.repeats).toEqual([keys.length, 0]);
    console.info(`two dispatchers, both killed 3 times over ${keys.length} products: 0 lost, 0 repeated`);
  });

  test("one without the address accepts nothing, but knows what was published", async ({ place }) => {
    const standby = await place.dispatcher("b", { vip: { address: "192.0.2.1" } });
    const { key, body } = place.announcement(1, 0);
    await place.announce(body);
    await expect.poll(() => place.count(place.inputQueue), waitMs).toBe(1);
    await place.dispatcher("a", { vip: { address: "127.0.0.1" } });
    await place.allOut([key]);
    const status = async () => (await standby.health()).text;
    await expect.poll(status, waitMs).toMatch(/^standby \(warm, 1 known\): 192\.0\.2\.1 is elsewhere/);
    expect(await standby.metric('state{warren_dispatcher_state="standby"}')).toBe(1);
    expect(await standby.metric('state{warren_dispatcher_state="active"}')).toBe(0);
  });

  test("if both believe that they hold the address, the broker feeds one, and the other reports that it is fenced", async ({
    place,
  }) => {
    await place.dispatcher("a");
    await place.allOut(await place.announceFirst(1));
    const other = await place.dispatcher("b");
    let number = 0;
    const stateAfterOneMore = async (): Promise<unknown> => {
      await place.allOut(await place.announceFirst(1, ++number));
      return (await other.health()).state;
    };
    await expect.poll(stateAfterOneMore, waitMs).toBe("fenced");
    expect((await other.health()).text).toMatch(/^fenced/);
  });
});
