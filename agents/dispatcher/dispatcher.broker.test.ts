import { connect } from "amqplib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Place, Rig } from "./rig.ts";
import type { DispatcherProcess } from "./rig-process.ts";

// Real dispatchers against a real broker, killed as a crash would end them. Not proved here: a cluster that loses a node in the middle of
// a publish, cut networks, and a virtual IP (take-over.lab.test.ts).

let rig: Rig;
let place: Place;

beforeAll(async () => {
  rig = await Rig.start();
});
afterAll(() => rig?.stop());
beforeEach(async () => {
  place = await rig.place();
});
afterEach(() => place?.close());

/** It ends well, and the input queue is empty: everything was settled. */
async function endWell(dispatcher: DispatcherProcess): Promise<void> {
  expect(await dispatcher.end()).toEqual([0, null]);
  expect(await place.count(place.inputQueue)).toBe(0);
}

/** Resolves when so many announcements of the second radar server were found to be twins; rejects where one is not. */
async function twinsAreKnown(dispatcher: DispatcherProcess, twins: number): Promise<void> {
  const twinsSeen = async (): Promise<number> => {
    const lines = (await dispatcher.metrics()).split("\n");
    const counts = lines.filter((line) => line.startsWith('warren_dispatcher_twins_total{source="urp-2'));
    return counts.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
  };
  await expect.poll(twinsSeen, { timeout: 20_000 }).toBe(twins);
}

describe("one dispatcher", () => {
  test("sends each product that two radar servers announce on exactly once, and settles all", async () => {
    const dispatcher = await place.dispatcher();
    const keys = await place.announceFirst(400);
    await place.announceTwins(400);
    await place.allOut(keys);
    await endWell(dispatcher);
    expect([place.pulled.size, place.repeated]).toEqual([400, 0]);
  });

  test("loses nothing and repeats nothing when it is killed again and again under load", async () => {
    const load = place.load();
    for (let kills = 0; kills < 6; kills++) {
      const dispatcher = await place.dispatcher();
      await place.more(150);
      await dispatcher.kill();
    }
    const last = await place.dispatcher();
    const keys = await load.stop();
    await place.allOut(keys);
    await endWell(last);
    expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
  });

  test.each(["SIGKILL", "SIGTERM"] as const)(
    "knows after a %s what went out before: twins that come later are dropped",
    async (signal) => {
      const first = await place.dispatcher();
      const keys = await place.announceFirst(300);
      await place.allOut(keys);
      first.signal(signal);
      await first.exited;
      const second = await place.dispatcher();
      await place.announceTwins(300);
      await twinsAreKnown(second, 300);
      await endWell(second);
      expect([place.pulled.size, place.repeated]).toEqual([300, 0]);
    },
  );

  test("learns from its journal alone, where the ledger has nothing left to tell, and from its ledger alone", async () => {
    const first = await place.dispatcher();
    await place.allOut(await place.announceFirst(50));
    await first.end();
    expect(await place.count(`cmc.urp.ledger.${place.name}-a`)).toBe(0);
    const second = await place.dispatcher();
    await place.announceTwins(50);
    await twinsAreKnown(second, 50);
    await second.end();
    // A host that was away meanwhile: the broker kept for it what it did not read.
    const [away, other] = [await place.dispatcher("b"), await place.dispatcher("a")];
    await away.end();
    await place.allOut(await place.announceFirst(50, 50));
    await other.end();
    const back = await place.dispatcher("b");
    await place.announceTwins(50, 50);
    await twinsAreKnown(back, 50);
    expect(place.repeated).toBe(0);
  });

  test("SIGTERM in the middle ends it with exit code 0; what it sent on is settled, and the next one finds the rest", async () => {
    const first = await place.dispatcher();
    const load = place.load();
    await place.more(200);
    expect(await first.end()).toEqual([0, null]);
    const second = await place.dispatcher();
    const keys = await load.stop();
    await place.allOut(keys);
    await endWell(second);
    expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
  });

  test("what is no announcement is put aside with the reason, and what follows it still goes out", async () => {
    const dispatcher = await place.dispatcher();
    const good = place.announcement(1, 1);
    await place.announce(Buffer.from("not an announcement"));
    await place.announce(good.body, `v00.urp.input.${"x".repeat(255 - "v00.urp.input.".length)}`);
    await place.announce(good.body);
    await place.allOut([good.key]);
    await expect.poll(() => dispatcher.metric("dead_letters_total"), { timeout: 5000 }).toBe(2);
    const aside = await place.deadLetters(2);
    expect(aside).toContainEqual({ reason: expect.stringMatching(/four fields/), body: "not an announcement" });
    expect(aside).toContainEqual({ reason: expect.stringMatching(/no room/), body: good.body.toString() });
  });

  test("passes headers on, and says when the product first came", async () => {
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

  test("a puller that can't fetch the winner's product gets the twin, with the reason, once", async () => {
    const dispatcher = await place.dispatcher("a", { receipts: false });
    const { key, body } = place.announcement(1, 1);
    await place.announce(body);
    await place.allOut([key]);
    await place.announceTwins(1, 1);
    await twinsAreKnown(dispatcher, 1);
    const request = () => place.announce(body, "v00.urp.alternate.RADAR", { "x-warren-reason": "urp-1 says 404" });
    await request();
    await expect.poll(() => place.twins.get(key)?.length, { timeout: 10_000 }).toBe(1);
    const [twin] = place.twins.get(key) ?? [];
    expect(twin?.body.toString()).toMatch(/ http:\/\/urp-2\./);
    expect(twin?.headers).toMatchObject({ "x-warren-alternate": expect.stringContaining("urp-1 says 404") });
    await request();
    await expect.poll(() => dispatcher.metric('alternates_total{how="served"}'), { timeout: 10_000 }).toBe(1);
    await endWell(dispatcher);
    expect(place.twins.get(key)).toHaveLength(1);
  });

  test("a source that is silent while another announces is an alarm, until it announces again", async () => {
    const dispatcher = await place.dispatcher("a", { silenceSeconds: 2 });
    await place.allOut(await place.announceFirst(3));
    await place.announceTwins(3);
    const stop = new AbortController();
    const running = (async () => {
      for (let number = 10; !stop.signal.aborted; number++) await place.allOut(await place.announceFirst(1, number));
    })();
    expect(await dispatcher.logged("a source is silent while another one announces")).toMatchObject({
      source: "urp-2.cmc.ec.gc.ca",
      level: "warn",
    });
    expect(await dispatcher.health()).toMatchObject({ ok: false, text: expect.stringContaining("SILENT: urp-2") });
    expect(await dispatcher.metric('source_silent{source="urp-2.cmc.ec.gc.ca"}')).toBe(1);
    await place.announceTwins(1, 10);
    await dispatcher.logged("a source that was silent announces again");
    stop.abort();
    await running;
    expect((await dispatcher.health()).text).not.toContain("SILENT");
  });
});

describe("two dispatchers, each with its ledger and its folder", () => {
  test("when the one that works is killed, again and again, the other goes on: nothing lost, nothing twice", async () => {
    const load = place.load();
    let [working, waiting] = [await place.dispatcher("a"), await place.dispatcher("b")];
    for (let kills = 0; kills < 4; kills++) {
      await place.more(150);
      await working.kill();
      await place.more(150);
      [working, waiting] = [waiting, await place.dispatcher(kills % 2 === 0 ? "a" : "b")];
    }
    const keys = await load.stop();
    await place.allOut(keys);
    await Promise.all([waiting.end(), endWell(working)]);
    expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
  });

  test("both killed at once lose nothing and repeat nothing", async () => {
    const load = place.load();
    for (let kills = 0; kills < 3; kills++) {
      const both = await Promise.all([place.dispatcher("a"), place.dispatcher("b")]);
      await place.more(200);
      await Promise.all(both.map((dispatcher) => dispatcher.kill()));
    }
    const both = await Promise.all([place.dispatcher("a"), place.dispatcher("b")]);
    const keys = await load.stop();
    await place.allOut(keys);
    for (const dispatcher of both) expect(await dispatcher.end()).toEqual([0, null]);
    expect(await place.count(place.inputQueue)).toBe(0);
    expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
  });

  test("one that does not hold the address takes nothing, but knows what went out", async () => {
    const standby = await place.dispatcher("b", { vip: { address: "192.0.2.1" } });
    const { key, body } = place.announcement(1, 0);
    await place.announce(body);
    await expect.poll(() => place.count(place.inputQueue)).toBe(1);
    await place.dispatcher("a", { vip: { address: "127.0.0.1" } });
    await place.allOut([key]);
    const status = async () => (await standby.health()).text;
    await expect.poll(status, { timeout: 5000 }).toMatch(/^standby \(warm, 1 known\): 192\.0\.2\.1 is elsewhere/);
    expect(await standby.metric('state{warren_dispatcher_state="standby"}')).toBe(1);
    expect(await standby.metric('state{warren_dispatcher_state="active"}')).toBe(0);
  });

  test("where both believe that they hold the address, the broker feeds one, and the other says that it is fenced", async () => {
    await place.dispatcher("a");
    await place.allOut(await place.announceFirst(1));
    const other = await place.dispatcher("b");
    let number = 0;
    const stateAfterOneMore = async (): Promise<unknown> => {
      await place.allOut(await place.announceFirst(1, ++number));
      return (await other.health()).state;
    };
    await expect.poll(stateAfterOneMore, { timeout: 10_000 }).toBe("fenced");
    expect((await other.health()).text).toMatch(/^fenced/);
  });
});

describe("a product of which only the ledger knows that it went out", () => {
  /** As a broker leaves it that died between two queues: given out before, in the ledger, not in the pull queue. */
  async function halfPublished(number: number): Promise<string> {
    const { key, body } = place.announcement(1, number);
    await place.announce(body);
    await meddle(async (channel) => {
      await channel.consume(place.inputQueue, () => {});
      await expect.poll(() => place.count(place.inputQueue)).toBe(0);
    });
    await meddle(async (channel) => {
      const [ledger, exchange] = [`cmc.urp.ledger.${place.name}-a`, `cmc.${place.name}.half`];
      await channel.assertExchange(exchange, "topic");
      await channel.bindQueue(ledger, exchange, "#");
      const properties = { messageId: "somebody-1", timestamp: Math.ceil(Date.now() / 1000), persistent: true };
      channel.publish(exchange, "v00.urp.notify.RADAR", body, properties);
    });
    return key;
  }

  test("is held until a puller's receipt comes, and then not sent again", async () => {
    await (await place.dispatcher()).end();
    const key = await halfPublished(1);
    const dispatcher = await place.dispatcher();
    await expect.poll(() => dispatcher.metric("doubts_open"), { timeout: 10_000 }).toBe(1);
    const timestampSeconds = Math.ceil(Date.now() / 1000);
    await place.session.publish(`cmc.${place.name}`, "v00.urp.pulled", Buffer.from(key), { timestampSeconds });
    await expect.poll(() => dispatcher.metric('doubts_settled_total{how="receipt"}'), { timeout: 10_000 }).toBe(1);
    await endWell(dispatcher);
    expect(place.pulled.size).toBe(0);
  });

  test("goes out again, marked as doubtful, when a later product has its receipt and this one has none", async () => {
    await (await place.dispatcher()).end();
    const key = await halfPublished(1);
    const dispatcher = await place.dispatcher("a", { doubtSeconds: 2 });
    await expect.poll(() => dispatcher.metric("doubts_open"), { timeout: 10_000 }).toBe(1);
    let number = 1;
    const outAfterOneMore = async (): Promise<boolean> => {
      await place.allOut(await place.announceFirst(1, ++number));
      return place.pulled.has(key);
    };
    await expect.poll(outAfterOneMore, { timeout: 15_000, interval: 200 }).toBe(true);
    expect(place.pulled.get(key)?.deliveries[0]?.headers).toMatchObject({ "x-warren-doubt": "1" });
    await endWell(dispatcher);
    expect(place.repeated).toBe(0);
  });

  test("goes out again, marked, when the pull queue stays empty and nothing else is announced", async () => {
    await (await place.dispatcher()).end();
    const key = await halfPublished(1);
    const dispatcher = await place.dispatcher("a", { doubtSeconds: 6 });
    await expect.poll(() => place.pulled.has(key), { timeout: 40_000, interval: 200 }).toBe(true);
    expect(place.pulled.get(key)?.deliveries[0]?.headers).toMatchObject({ "x-warren-doubt": "1" });
    expect(await dispatcher.metric('doubts_settled_total{how="again"}')).toBe(1);
    await endWell(dispatcher);
  });
});

describe("a broker in trouble", () => {
  test("that is killed under load loses nothing", async () => {
    const dispatcher = await place.dispatcher();
    const load = place.load();
    await place.more(150);
    await place.declaredOnDisk();
    await rig.broker.kill();
    await rig.broker.start();
    await place.more(150);
    const keys = await load.stop();
    await place.allOut(keys);
    await endWell(dispatcher);
    // What it had in the ledger and not in the pull queue when it died goes out again, marked: see the receipts.
    expect(place.repeatedUnmarked).toBe(0);
  });

  test("with a memory alarm holds the dispatcher up, keeps its connection, and loses nothing", async () => {
    const dispatcher = await place.dispatcher("a", { confirmTimeoutMs: 2000 });
    const load = place.load();
    await place.more(100);
    const watermark = (share: string) =>
      rig.broker.evaluate(`vm_memory_monitor:set_vm_memory_high_watermark(${share})`);
    await watermark("0.0001");
    try {
      await dispatcher.logged("the broker takes no messages (alarm): publishing waits");
      expect((await dispatcher.health()).text).toMatch(/takes no messages/);
      // Longer than any confirm may take without an alarm.
      const blockedAtMs = performance.now();
      await expect.poll(() => performance.now() - blockedAtMs, { timeout: 10_000 }).toBeGreaterThan(4000);
    } finally {
      await watermark('{absolute, "512MB"}');
    }
    await dispatcher.logged("the broker takes messages again");
    await place.more(100);
    const keys = await load.stop();
    await place.allOut(keys);
    await endWell(dispatcher);
    expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
    const connections = dispatcher.lines.filter(({ msg = "" }) => /broker/.test(msg)).map(({ msg }) => msg);
    expect(
      connections.filter((msg) => msg === "connected to the broker"),
      connections.join("\n"),
    ).toHaveLength(1);
  });

  test("that has the input queue with other arguments is told of in words that say what to do", async () => {
    await meddle(async (channel) => {
      await channel.deleteQueue(place.inputQueue);
      await channel.assertQueue(place.inputQueue, { durable: true, arguments: { "x-max-length": 7 } });
    });
    const started = place.dispatcher().catch(() => undefined);
    const dispatcher = await place.newest();
    const line = await dispatcher.logged("can't connect to the broker; trying again");
    expect(line).toMatchObject({ reason: expect.stringContaining(`queue ${place.inputQueue}`) });
    expect(line).toMatchObject({ reason: expect.stringMatching(/delete/) });
    await meddle((channel) => channel.deleteQueue(place.inputQueue));
    await started;
    await endWell(dispatcher);
  });

  test("that has the queues of the version before works on with them", async () => {
    await meddle(async (channel) => {
      for (const queue of [place.inputQueue, place.pullQueue]) await channel.deleteQueue(queue);
      await channel.assertQueue(place.inputQueue, {
        durable: true,
        arguments: { "x-single-active-consumer": true },
      });
      await channel.bindQueue(place.inputQueue, `cmc.${place.name}`, "v00.urp.input.#");
      await channel.assertQueue(place.pullQueue, { durable: true });
      await channel.bindQueue(place.pullQueue, `cmc.${place.name}`, "v00.urp.notify.#");
    });
    await place.session.ready();
    const keys = await place.announceFirst(10);
    const dispatcher = await place.dispatcher();
    await place.allOut(keys);
    await endWell(dispatcher);
  });

  test("whose ledger was declared with another window has it declared anew when it is empty, and used as it is when not", async () => {
    const ledger = `cmc.urp.ledger.${place.name}-a`;
    const first = await place.dispatcher("a", { dedupWindowSeconds: 3600 });
    await place.allOut(await place.announceFirst(10));
    await first.end();
    // Something that it has not read, as while it is away.
    await meddle((channel) => channel.sendToQueue(ledger, Buffer.from("x")));
    await expect.poll(() => place.count(ledger)).toBe(1);
    const second = await place.dispatcher("a");
    expect(await second.logged(/other arguments/)).toMatchObject({
      queue: ledger,
      msg: expect.stringMatching(/as it is/),
    });
    await place.announceTwins(10);
    await twinsAreKnown(second, 10);
    await second.end();
    expect(await place.count(ledger)).toBe(0);
    const third = await place.dispatcher("a");
    expect(await third.logged(/other arguments/)).toMatchObject({ msg: expect.stringMatching(/declared anew/) });
    await place.allOut(await place.announceFirst(10, 10));
    await place.announceTwins(20);
    await twinsAreKnown(third, 20);
    await endWell(third);
    expect(place.repeated).toBe(0);
  });

  test("where somebody deleted the pull queue is put right within the time that the config says", async () => {
    const dispatcher = await place.dispatcher("a", { topologyCheckSeconds: 1 });
    await place.stopPuller();
    await meddle((channel) => channel.deleteQueue(place.pullQueue));
    expect(await dispatcher.logged(/^queues were gone/)).toMatchObject({ queues: [place.pullQueue] });
    place.startPuller();
    await place.allOut(await place.announceFirst(5));
    await endWell(dispatcher);
  });
});

describe("a journal's disk that is full", () => {
  test("stops nothing: the ledger is not acked, the status says so, and when there is room all is written", async () => {
    const dispatcher = await place.dispatcher("a", {}, 20_000);
    const keys = await place.announceFirst(1000);
    await place.allOut(keys);
    await expect.poll(async () => (await dispatcher.health()).text, { timeout: 10_000 }).toMatch(/JOURNAL: /);
    expect(await dispatcher.health()).toMatchObject({ ok: false, state: "active" });
    expect(await dispatcher.metric("journal_fault")).toBe(1);
    expect(await dispatcher.metric("ledger_unacked")).toBeGreaterThan(0);
    dispatcher.roomForFiles();
    await expect.poll(() => dispatcher.metric("ledger_unacked"), { timeout: 15_000 }).toBe(0);
    expect(await dispatcher.metric("journal_fault")).toBe(0);
    await dispatcher.kill();
    const second = await place.dispatcher();
    await place.announceTwins(1000);
    await twinsAreKnown(second, 1000);
    expect(place.repeated).toBe(0);
  });

  test("and a kill before there is room: the ledger tells everything again", async () => {
    const dispatcher = await place.dispatcher("a", {}, 20_000);
    await place.allOut(await place.announceFirst(1000));
    await expect.poll(() => dispatcher.metric("journal_fault"), { timeout: 10_000 }).toBe(1);
    await dispatcher.kill();
    const second = await place.dispatcher();
    await place.announceTwins(1000);
    await twinsAreKnown(second, 1000);
    expect(place.repeated).toBe(0);
  });
});

type Channel = Awaited<ReturnType<Awaited<ReturnType<typeof connect>>["createChannel"]>>;

/** Somebody else changes the broker. */
async function meddle(how: (channel: Channel) => unknown): Promise<void> {
  const connection = await connect(rig.broker.url);
  const channel = await connection.createChannel();
  await how(channel);
  // Closed with its channel still open, a connection may take along what the channel has not handled.
  await channel.close();
  await connection.close();
}
