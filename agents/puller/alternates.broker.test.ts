import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import type { AgentProcess } from "../../tests/rigs/agent-process.ts";
import { Bench, keyOf } from "../../tests/rigs/agents-bench.ts";
import type { Manner } from "../../tests/rigs/radar-server.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import type { Message } from "../lib/subscription.ts";

// The puller's side, with the test as dispatcher: a real broker, real servers that fail in each way, pullers as processes. The
// real dispatcher's answers are in alternates-with-dispatcher.broker.test.ts.

let broker: LocalBroker;
let bench: Bench;
let benches = 0;
let requests: Message[];
let receipts: Message[];
/** Seconds on an idle machine; the limits are for a busy one. */
const waiting = { timeout: 100_000, interval: 20 };
/** Timeout for a hanging server: longer than a live one takes on a busy machine. */
const pullTimeoutMs = 3000;

beforeAll(async () => {
  broker = await sharedBroker();
});
beforeEach(async () => {
  benches += 1;
  bench = new Bench(broker, benches);
  await bench.open();
});
afterEach(() => bench.close());

/** Collects what a dispatcher would receive. */
async function listen(): Promise<void> {
  requests = await bench.listen("input", ["v00.urp.alternate.#"]);
  receipts = await bench.listen("receipts", ["v00.urp.pulled"]);
}

const reasonOf = (request: Message | undefined) => String(request?.marks.reason);
const many = (count: number, prefix = "p") => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

test("every placed product is reported once, by its key and the time of its first arrival", async () => {
  await listen();
  await bench.startPuller("a");
  const products = many(50);
  const earliest = Math.floor(Date.now() / 1000);
  for (const product of products) await bench.announce("notify", bench.urp1, product);
  await expect.poll(() => receipts.length, waiting).toBe(50);
  expect(receipts.map(({ body }) => body.toString()).sort()).toEqual(products.map(keyOf).sort());
  for (const { timestampSeconds = 0 } of receipts) {
    expect(timestampSeconds).toBeGreaterThanOrEqual(earliest);
    expect(timestampSeconds).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000));
  }
  expect(bench.products).toHaveLength(50);
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
});

describe("a product that its server does not deliver", () => {
  const manners: readonly (readonly [Manner | "is dead", RegExp])[] = [
    ["is dead", /^http:\/\/127\.0\.0\.1:\d+: connect ECONNREFUSED .* \(2 tries\) \[puller@.+\]$/],
    ["hangs", /: no answer within 3000 ms \(2 tries\) \[puller@/],
    ["breaks off", /\(2 tries\) \[puller@/],
    ["has nothing", /: the server does not have the product \(404\) \(2 tries\) \[puller@/],
    ["is overloaded", /: the server answers 503 \(2 tries\) \[puller@/],
    ["gives a wrong size", /: the server has \d+ bytes, but \d+ were announced \(2 tries\) \[puller@/],
  ];
  test.each(manners)(
    "is requested, pulled from the other server and reported, if the first one %s",
    async (manner, reason) => {
      await listen();
      const puller = await bench.startPuller("a", manner === "hangs" ? { pullTimeoutMs } : {});
      if (manner === "is dead") await bench.urp1.die();
      else bench.urp1.manner = manner;
      await bench.announce("notify", bench.urp1, "p", { filename: "p" });
      await expect.poll(() => requests.length, waiting).toBe(1);
      const [request] = requests;
      expect(reasonOf(request)).toMatch(reason);
      expect(request?.routingKey).toBe("v00.urp.alternate.20150120.RADAR.URP.IWA");
      expect(request?.body.equals(bench.urp1.announcementOf("p"))).toBe(true);
      expect(request?.headers.filename).toBe("p");
      expect(request?.timestampSeconds).toBeGreaterThan(Date.now() / 1000 - 60);
      // Nothing waits in the puller meanwhile: its announcement is acked.
      await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
      expect(bench.products).toEqual([]);

      await bench.announce("twin", bench.urp2, "p", { "x-warren-alternate": reasonOf(request) });
      await expect.poll(() => receipts.length, waiting).toBe(1);
      expect(bench.products).toEqual([{ product: "p", urp: 2 }]);
      expect(receipts[0]?.body.toString()).toBe(keyOf("p"));
      for (const sample of [
        /^warren_puller_alternates_asked_total 1$/m,
        /^warren_puller_alternates_pulled_total 1$/m,
      ]) {
        await expect.poll(() => bench.ask(puller, "metrics"), waiting).toMatch(sample);
      }
      // Its confirm may still be in transit.
      const confirmed = /^warren_puller_receipts_total\{outcome="confirmed"\} 1$/m;
      await expect.poll(() => bench.ask(puller, "metrics"), waiting).toMatch(confirmed);
    },
  );

  test("is dead-lettered with both reasons if the twin fails too, and not requested again", async () => {
    await listen();
    const dead = await bench.listenToDead();
    const puller = await bench.startPuller("a");
    bench.urp2.manner = "has nothing";
    await bench.announce("twin", bench.urp2, "p", { "x-warren-alternate": "http://urp-1: 503 (2 tries)" });
    await expect.poll(() => dead.length, waiting).toBe(1);
    const [letter] = dead;
    expect(letter?.headers).toMatchObject({
      "x-dead-reason":
        "both failed: first: http://urp-1: 503 (2 tries); then: the server does not have the product (404) (5 tries)",
    });
    expect(letter?.marks).toEqual({ alternate: "http://urp-1: 503 (2 tries)" });
    expect(letter?.body.equals(bench.urp2.announcementOf("p"))).toBe(true);
    expect(requests).toEqual([]);
    const failed = /^warren_puller_alternates_failed_total 1$/m;
    await expect.poll(() => bench.ask(puller, "metrics"), waiting).toMatch(failed);
  });

  test("is dead-lettered after all attempts if no queue accepts requests, with the reason", async () => {
    const dead = await bench.listenToDead();
    await bench.startPuller("a");
    bench.urp1.manner = "is overloaded";
    await bench.announce("notify", bench.urp1, "p");
    await expect.poll(() => dead.length, waiting).toBe(1);
    expect(dead[0]?.headers["x-dead-reason"]).toBe(
      "the server answers 503 (5 tries); no other announcement could be requested: " +
        "no queue accepts requests under v00.urp.alternate.20150120.RADAR.URP.IWA",
    );
  });
});

describe("a server that does not answer", () => {
  test("costs a puller a few attempts, not some for each product; the other server's products are pulled meanwhile", async () => {
    await listen();
    const own = { pullTimeoutMs, originProbeMinMs: 600_000, originProbeMaxMs: 600_000 };
    const puller = await bench.startPuller("a", own);
    bench.urp1.manner = "hangs";
    const [dead, live] = [many(100, "dead"), many(100, "live")];
    for (const [index, product] of dead.entries()) {
      await bench.announce("notify", bench.urp1, product);
      await bench.announce("notify", bench.urp2, live[index] ?? "");
    }
    await expect.poll(() => requests.length, waiting).toBe(100);
    await expect.poll(() => receipts.length, waiting).toBe(100);
    // Two attempts for the first product, one for the second: then it is considered dead.
    expect(bench.urp1.requests).toBe(3);
    expect(reasonOf(requests[2])).toMatch(
      /^not tried: http:.* has not answered for \d+ s \(no answer within 3000 ms\)/,
    );
    expect(new Set(requests.map(({ body }) => body.toString())).size).toBe(100);
    const health = async () => JSON.parse(await bench.ask(puller, "health"));
    const words = /^100 pulled, 100 requested elsewhere, 0 dead-lettered; .* has not answered for \d+ s/;
    await expect.poll(health, waiting).toMatchObject({ ok: true, text: expect.stringMatching(words) });
    expect(await bench.ask(puller, "metrics")).toMatch(/^warren_puller_origins_silent 1$/m);
  });

  test("is found again by a probe when it comes back, by each puller for itself", async () => {
    await listen();
    const pullers = [await bench.startPuller("a"), await bench.startPuller("b")];
    await bench.urp1.die();
    for (const product of many(20)) await bench.announce("notify", bench.urp1, product);
    await expect.poll(() => requests.length, waiting).toBe(20);
    await bench.urp1.start();
    let count = 0;
    const silent = async () => (await Promise.all(pullers.map((one) => bench.ask(one, "metrics")))).join("");
    while (/^warren_puller_origins_silent 1$/m.test(await silent())) {
      await bench.announce("notify", bench.urp1, `back${count++}`);
    }
    // Products announced meanwhile are placed or requested.
    await expect.poll(() => requests.length + bench.products.length, waiting).toBe(20 + count);
    const before = requests.length;
    for (const product of many(20, "now")) await bench.announce("notify", bench.urp1, product);
    await expect.poll(() => bench.products.filter(({ product }) => product.startsWith("now")).length, waiting).toBe(20);
    await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
    expect(requests.length).toBe(before);
  });
});

test("a twin is not placed by the puller that placed the winner, although its name and size differ", async () => {
  await listen();
  await bench.startPuller("a");
  await bench.announce("notify", bench.urp1, "p");
  await bench.announce("twin", bench.urp2, "p", { "x-warren-alternate": "asked for in error" });
  await expect.poll(() => receipts.length, waiting).toBe(2);
  expect(bench.products).toEqual([{ product: "p", urp: 1 }]);
});

test("during a broker alarm pullers still empty the queue; the receipts are sent afterwards", async () => {
  await listen();
  for (const product of many(100)) await bench.announce("notify", bench.urp1, product);
  await broker.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.0001)");
  const noticesOf = async (one: AgentProcess) => JSON.parse(await bench.ask(one, "health")).notices;
  let puller: AgentProcess;
  try {
    puller = await bench.startPuller("a");
    await expect.poll(() => bench.products.length, waiting).toBe(100);
    await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
    expect(receipts).toEqual([]);
    await expect.poll(() => noticesOf(puller), waiting).toMatch(/accepts no messages/);
  } finally {
    await broker.evaluate('vm_memory_monitor:set_vm_memory_high_watermark({absolute, "512MB"})');
  }
  await expect.poll(() => receipts.length, waiting).toBe(100);
  await expect.poll(() => noticesOf(puller), waiting).toMatch(/^connected/);
});
