import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { Bench } from "../../tests/rigs/agents-bench.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import type { Message } from "../lib/subscription.ts";

// Pullers and the dispatcher as processes, a real broker, and two radar servers of which one is dead: what the dead one announced
// is pulled from the other. Not proved here: that a standby on another host helps (the dispatcher's simulation covers that).

let broker: LocalBroker;
let bench: Bench;
let benches = 0;
let requests: Message[];
let dead: Message[];
/** Seconds on an idle machine; the limits are for a busy one. */
const waiting = { timeout: 100_000, interval: 20 };

beforeAll(async () => {
  broker = await sharedBroker();
});
beforeEach(async () => {
  benches += 1;
  bench = new Bench(broker, benches);
  await bench.open();
  requests = await bench.listen("observer", ["v00.urp.alternate.#"]);
  dead = await bench.listenToDead();
});
afterEach(() => bench.close());

const many = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`);

/** The first server's announcement comes first: it wins, and the server is dead. */
async function announceBoth(product: string): Promise<void> {
  await bench.announce("input", bench.urp1, product);
  await bench.announce("input", bench.urp2, product);
}

async function expectFromUrp2(...products: string[]): Promise<void> {
  await expect.poll(() => bench.products.length, waiting).toBeGreaterThanOrEqual(products.length);
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  const arrived = bench.products.sort((one, other) => one.product.localeCompare(other.product));
  expect(arrived).toEqual(products.sort().map((product) => ({ product, urp: 2 })));
  expect(dead).toEqual([]);
}

describe("a product of a dead server comes from the other", () => {
  test("whose announcement arrived before a request", async () => {
    await bench.startDispatcher();
    await bench.urp1.die();
    await announceBoth("p");
    await bench.startPuller("a");
    await expectFromUrp2("p");
    await expect.poll(() => requests.length, waiting).toBe(1);
  });

  test.for(["before", "after"] as const)(
    "whose time to placed counts from when the dead one's file was complete: announced %s the request",
    async (when) => {
      await bench.startDispatcher();
      await bench.urp1.die();
      const closed = (agoMs: number) => ({ "x-warren-closed": String(Date.now() - agoMs) });
      await bench.announce("input", bench.urp1, "p", closed(3_600_000));
      if (when === "before") await bench.announce("input", bench.urp2, "p", closed(0));
      const puller = await bench.startPuller("a");
      await expect.poll(() => requests.length, waiting).toBe(1);
      if (when === "after") await bench.announce("input", bench.urp2, "p", closed(0));
      await expectFromUrp2("p");
      const sum = /closed_to_placed_seconds_sum(?:\{.*\})? (\S+)/;
      await expect
        .poll(async () => Number(sum.exec(await bench.ask(puller, "metrics"))?.[1]), waiting)
        .toBeGreaterThan(3600);
    },
  );

  test("whose announcement arrives only after a request; meanwhile no puller is blocked", async () => {
    await bench.startDispatcher();
    await bench.startPuller("a");
    await bench.urp1.die();
    await bench.announce("input", bench.urp1, "p");
    await expect.poll(() => requests.length, waiting).toBe(1);
    await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
    await bench.announce("input", bench.urp2, "p");
    await expectFromUrp2("p");
  });

  test("if the dispatcher is killed while the request waits", async () => {
    const dispatcher = await bench.startDispatcher();
    await bench.startPuller("a");
    await bench.urp1.die();
    await bench.announce("input", bench.urp1, "p");
    await expect.poll(() => requests.length, waiting).toBe(1);
    await dispatcher.kill();
    await dispatcher.ready();
    await bench.announce("input", bench.urp2, "p");
    await expectFromUrp2("p");
    expect(requests).toHaveLength(1);
  });

  test("if the dispatcher was killed after the other's announcement and before a request", async () => {
    const dispatcher = await bench.startDispatcher();
    await bench.urp1.die();
    await announceBoth("p");
    await expect.poll(() => bench.pullQueueLength(), waiting).toBe(1);
    await dispatcher.kill();
    await dispatcher.ready();
    await bench.startPuller("a");
    await expectFromUrp2("p");
  });
});

describe("a product that only a dead server has", () => {
  test("is tried once more if no twin arrives in time, and dead-lettered with both reasons", async () => {
    await bench.startDispatcher({ alternateWaitSeconds: 1 });
    await bench.startPuller("a");
    await bench.urp1.die();
    await bench.announce("input", bench.urp1, "p");
    await expect.poll(() => dead.length, waiting).toBe(1);
    expect(dead[0]?.headers["x-dead-reason"]).toMatch(
      /^both failed: first: .*ECONNREFUSED.*\(2 tries\) \[puller@.*\]; no twin arrived within \d+ s; then: .*ECONNREFUSED.* \(5 tries\)$/,
    );
    expect(dead[0]?.body.equals(bench.urp1.announcementOf("p"))).toBe(true);
    expect(requests).toHaveLength(1);
  });

  test("arrives if that server comes back meanwhile", async () => {
    // Longer than the test takes to restart the server.
    await bench.startDispatcher({ alternateWaitSeconds: 10 });
    await bench.startPuller("a");
    await bench.urp1.die();
    await bench.announce("input", bench.urp1, "p");
    await expect.poll(() => requests.length, waiting).toBe(1);
    await bench.urp1.start();
    await expect.poll(() => bench.products, waiting).toEqual([{ product: "p", urp: 1 }]);
    expect(dead).toEqual([]);
  });
});

/** Five processes and a hundred confirms in sequence: that takes a minute on a busy machine. */
const longMs = 400_000;

test("of a hundred products, announced while first one server and then the dispatcher dies, each arrives once", {
  timeout: longMs,
}, async () => {
  const dispatcher = await bench.startDispatcher();
  for (const name of ["a", "b", "c"]) await bench.startPuller(name);
  for (const [index, product] of many(100).entries()) {
    await announceBoth(product);
    if (index === 30) await bench.urp1.die();
    if (index === 60) await dispatcher.kill();
  }
  await expect.poll(() => new Set(bench.products.map(({ product }) => product)).size, waiting).toBe(100);
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  expect(bench.products).toHaveLength(100);
  expect(dead).toEqual([]);
  expect(bench.products.filter(({ urp }) => urp === 2).length).toBeGreaterThanOrEqual(69);
  expect(requests.length).toBeGreaterThan(0);
});
