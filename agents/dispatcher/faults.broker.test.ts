import type { Channel } from "amqplib";
import { describe, expect } from "vitest";
import { placeTest as test } from "../../tests/rigs/dispatcher/place-test.ts";

// A full disk is simulated by a limit on the size of the dispatcher's files: writing fails, and works again once the limit is
// lifted.

/** A dispatcher starts in half a second; in ten on a busy machine. */
const waitMs = { timeout: 100_000 };

describe("with a faulty broker", () => {
  test("a dispatcher loses nothing if the broker is killed under load", async ({ place, rig }) => {
    const dispatcher = await place.dispatcher();
    const load = place.load();
    await place.more(150);
    await rig.broker.keepDeclared();
    await rig.broker.kill();
    await rig.broker.start();
    await place.more(150);
    const keys = await load.stop();
    await place.allOut(keys);
    await place.endWell(dispatcher);
    // What was in the ledger and not in the pull queue when the broker died is published again, marked: see the receipts.
    expect(place.repeatedUnmarked).toBe(0);
  });

  test("a dispatcher waits out a memory alarm, keeps its connection, and loses nothing", async ({ place, rig }) => {
    const confirmTimeoutMs = 6000;
    // A process stopped for longer than that would be considered dead.
    const patient = { ...rig.brokerSettings, heartbeatSeconds: 60 };
    const dispatcher = await place.dispatcher("a", { confirmTimeoutMs, broker: patient });
    const keys = await place.announceFirst(100, 1_000_000);
    await place.allOut(keys);
    await expect.poll(() => dispatcher.metric("in_flight"), waitMs).toBe(0);
    // Only publishers are notified of an alarm: these are delivered before it, and published after it.
    dispatcher.signal("SIGSTOP");
    keys.push(...(await place.announceFirst(10, 2_000_000)));
    const load = await rig.broker.withMemoryAlarm(async () => {
      dispatcher.signal("SIGCONT");
      const load = place.load();
      await dispatcher.logged("the broker accepts no messages (alarm): publishing waits");
      expect((await dispatcher.health()).text).toMatch(/accepts no messages/);
      // Longer than a confirm may take without an alarm.
      const blockedAtMs = performance.now();
      await expect.poll(() => performance.now() - blockedAtMs, waitMs).toBeGreaterThan(confirmTimeoutMs + 2000);
      return load;
    });
    await dispatcher.logged("the broker accepts messages again");
    await place.more(100);
    keys.push(...(await load.stop()));
    await place.allOut(keys);
    await place.endWell(dispatcher);
    expect([place.pulled.size, place.repeated]).toEqual([keys.length, 0]);
    // Before and after it, a confirm may take longer than allowed on a busy machine.
    const messages = dispatcher.lines.map(({ msg = "" }) => msg);
    const [from, to] = [
      messages.findIndex((msg) => /\(alarm\)/.test(msg)),
      messages.indexOf("the broker accepts messages again"),
    ];
    expect(to).toBeGreaterThan(from);
    expect(messages.slice(from, to).filter((msg) => /connect/.test(msg))).toEqual([]);
  });

  test("an input queue with other arguments is reported with what to do", async ({ place, rig }) => {
    await rig.meddle(async (channel) => {
      await channel.deleteQueue(place.inputQueue);
      await channel.assertQueue(place.inputQueue, { durable: true, arguments: { "x-max-length": 7 } });
    });
    const started = place.dispatcher().catch(() => undefined);
    const dispatcher = await place.newest();
    const line = await dispatcher.logged("can't connect to the broker; trying again");
    expect(line).toMatchObject({ reason: expect.stringContaining(`queue ${place.inputQueue}`) });
    expect(line).toMatchObject({ reason: expect.stringMatching(/delete/) });
    await rig.meddle((channel) => channel.deleteQueue(place.inputQueue));
    await started;
    await place.endWell(dispatcher);
  });

  test("a dispatcher works with the queues of the previous version", async ({ place, rig }) => {
    // If it lost its queue, it would declare it with the current arguments.
    await place.stopPuller();
    await rig.meddle(async (channel) => {
      for (const queue of [place.inputQueue, place.pullQueue]) await channel.deleteQueue(queue);
      await channel.assertQueue(place.inputQueue, {
        durable: true,
        arguments: { "x-single-active-consumer": true },
      });
      await channel.bindQueue(place.inputQueue, `cmc.${place.name}`, "v00.urp.input.#");
      await channel.assertQueue(place.pullQueue, { durable: true });
      await channel.bindQueue(place.pullQueue, `cmc.${place.name}`, "v00.urp.notify.#");
    });
    place.startPuller();
    const keys = await place.announceFirst(10);
    const dispatcher = await place.dispatcher();
    await place.allOut(keys);
    await place.endWell(dispatcher);
  });

  test("a ledger declared with another window is declared again if it is empty, and used as it is otherwise", async ({
    place,
    rig,
  }) => {
    place.withholdReceipts();
    const ledger = `cmc.urp.ledger.${place.name}-a`;
    const first = await place.dispatcher("a", { dedupWindowSeconds: 3600 });
    await place.allOut(await place.announceFirst(10));
    await first.end();
    // A message that it has not read, as while it is away, besides the last one that it has.
    await rig.meddle((channel) => channel.sendToQueue(ledger, Buffer.from("x")));
    await expect.poll(() => place.count(ledger), waitMs).toBe(2);
    const second = await place.dispatcher("a");
    expect(await second.logged(/other arguments/)).toMatchObject({
      queue: ledger,
      msg: expect.stringMatching(/as it is/),
    });
    await place.announceTwins(10);
    await second.twinsOfSecond(10);
    await second.end();
    // Its last message stays. The broker still works off the acks of the closed connection.
    await expect.poll(() => place.count(ledger), waitMs).toBe(1);
    const third = await place.dispatcher("a");
    expect(await third.logged(/other arguments/)).toMatchObject({ msg: expect.stringMatching(/declared again/) });
    await place.allOut(await place.announceFirst(10, 10));
    await place.announceTwins(20);
    await third.twinsOfSecond(20);
    await place.endWell(third);
    expect(place.repeated).toBe(0);
  });

  test("a deleted pull queue is restored within the configured time", async ({ place, rig }) => {
    const dispatcher = await place.dispatcher("a", { topologyCheckSeconds: 1 });
    await place.stopPuller();
    await rig.meddle((channel) => channel.deleteQueue(place.pullQueue));
    expect(await dispatcher.logged(/^queues were missing/)).toMatchObject({ queues: [place.pullQueue] });
    place.startPuller();
    await place.allOut(await place.announceFirst(5));
    await place.endWell(dispatcher);
  });
});

describe("a ledger that loses its messages while its dispatcher is down", () => {
  const losses = [
    ["purged", (channel: Channel, queue: string) => channel.purgeQueue(queue)],
    ["deleted", (channel: Channel, queue: string) => channel.deleteQueue(queue)],
  ] as const;

  for (const [title, lose] of losses)
    test(`and is ${title} leads to no unmarked repetition, even after another kill`, async ({ place, rig }) => {
      const first = await place.dispatcher("a");
      await place.allOut(await place.announceFirst(10));
      await first.end();
      const other = await place.dispatcher("b");
      await place.allOut(await place.announceFirst(100, 10));
      await other.end();
      await rig.meddle((channel) => lose(channel, `cmc.urp.ledger.${place.name}-a`));
      const second = await place.dispatcher("a");
      await second.logged(/^messages of the ledger are missing/);
      await place.announceTwins(60);
      await expect.poll(() => place.repeated, waitMs).toBe(50);
      await second.kill();
      const third = await place.dispatcher("a");
      await place.announceTwins(50, 60);
      await expect.poll(() => place.repeated, waitMs).toBe(100);
      await place.endWell(third);
      // Its journal has the first ten. The others are marked, so that pullers don't place them again.
      expect([place.pulled.size, place.repeated, place.repeatedUnmarked]).toEqual([110, 100, 0]);
    });

  test("under load leads to no unmarked repetition", async ({ place, rig }) => {
    const first = await place.dispatcher();
    const load = place.load();
    await place.more(300);
    await first.kill();
    await rig.meddle((channel) => channel.deleteQueue(`cmc.urp.ledger.${place.name}-a`));
    const second = await place.dispatcher();
    await second.logged(/^messages of the ledger are missing/);
    await place.more(300);
    const keys = await load.stop();
    await place.allOut(keys);
    await place.endWell(second);
    expect(place.repeatedUnmarked).toBe(0);
  });

  test("is not suspected after a kill or a stop, nor for a dispatcher's first ledger", async ({ place }) => {
    const first = await place.dispatcher();
    await place.allOut(await place.announceFirst(10));
    await first.end();
    const second = await place.dispatcher();
    await place.allOut(await place.announceFirst(10, 10));
    await second.kill();
    const third = await place.dispatcher();
    await place.allOut(await place.announceFirst(10, 20));
    await place.announceTwins(30);
    await third.twinsOfSecond(30);
    await place.endWell(third);
    expect(place.repeated).toBe(0);
    const marked = [...place.pulled.values()]
      .flatMap(({ deliveries }) => deliveries)
      .filter(({ marks }) => marks.doubt);
    expect(marked).toEqual([]);
  });
});

describe("with a full journal disk", () => {
  test("a dispatcher continues: the ledger is not acked, the status reports it, and everything is written once there is room", async ({
    place,
  }) => {
    const dispatcher = await place.dispatcher("a", {}, 20_000);
    const keys = await place.announceFirst(1000);
    await place.allOut(keys);
    await expect.poll(async () => (await dispatcher.health()).text, waitMs).toMatch(/JOURNAL: /);
    expect(await dispatcher.health()).toMatchObject({ ok: false, state: "active" });
    expect(await dispatcher.metric("journal_fault")).toBe(1);
    expect(await dispatcher.metric("ledger_unacked")).toBeGreaterThan(0);
    dispatcher.roomForFiles();
    await expect.poll(() => dispatcher.metric("ledger_unacked"), waitMs).toBe(0);
    expect(await dispatcher.metric("journal_fault")).toBe(0);
    await dispatcher.kill();
    const second = await place.dispatcher();
    await place.announceTwins(1000);
    await second.twinsOfSecond(1000);
    expect(place.repeated).toBe(0);
  });

  test("a dispatcher killed before there is room reads everything from the ledger again", async ({ place }) => {
    const dispatcher = await place.dispatcher("a", {}, 20_000);
    await place.allOut(await place.announceFirst(1000));
    await expect.poll(() => dispatcher.metric("journal_fault"), waitMs).toBe(1);
    await dispatcher.kill();
    const second = await place.dispatcher();
    await place.announceTwins(1000);
    await second.twinsOfSecond(1000);
    expect(place.repeated).toBe(0);
  });
});
