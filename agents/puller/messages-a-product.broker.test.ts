import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";
import { Bench } from "../../tests/rigs/agents-bench.ts";
import { messagesOf } from "../../tests/rigs/broker-messages.ts";
import { sharedBroker } from "../../tests/rigs/shared-broker.ts";
import { receiptsIn } from "../lib/receipts.ts";

// What a product costs the broker, counted by the broker itself. Not counted: copies for auditors and for a second dispatcher's ledger.

/** Seconds on an idle machine; the limit is for a busy one. */
const waiting = { timeout: 100_000, interval: 20 };
const products = 100;
/** Takeover markers and the like, whatever the number of products. */
const besides = 20;

let broker: LocalBroker;
let bench: Bench;

beforeAll(async () => {
  broker = await sharedBroker();
});
beforeEach(async () => {
  bench = new Bench(broker, 1);
  await bench.open();
});
afterEach(() => bench.close());

test("a product from two radar servers costs three messages to the broker, four from it, and its part of a receipt each way", async () => {
  const dispatcher = await bench.startDispatcher();
  const pullers = [await bench.startPuller("a"), await bench.startPuller("b")];
  const receiptMessages = await bench.listen("receipts", ["v00.urp.pulled"]);
  const before = await messagesOf(broker);
  for (let number = 0; number < products; number++)
    for (const server of [bench.urp1, bench.urp2]) await bench.announce("input", server, `p${number}`);
  await expect.poll(() => bench.products.length, waiting).toBe(products);
  await expect.poll(() => bench.pullQueueLength(), waiting).toBe(0);
  const receipts = async () => {
    const metrics = await Promise.all(pullers.map((puller) => bench.ask(puller, "metrics")));
    const confirmed = metrics.map(
      (text) => /^warren_puller_receipts_total\{outcome="confirmed"\} (\d+)$/m.exec(text)?.[1],
    );
    return confirmed.reduce((sum, one) => sum + Number(one ?? 0), 0);
  };
  await expect.poll(receipts, waiting).toBe(products);
  // Two announcements and the dispatcher's; the same, and a copy of the last for the ledger. Fewer receipts, if pullers are fast.
  const joined = receiptMessages.length;
  expect(joined).toBeLessThanOrEqual(products);
  // The ledger's copy of each, and this test's.
  const sum = 4 * products + 2 * joined;
  const deliveredSince = async () => (await messagesOf(broker)).delivered - before.delivered;
  await expect.poll(deliveredSince, waiting).toBeGreaterThanOrEqual(sum);
  const { received, delivered } = await messagesOf(broker);
  expect(received - before.received).toBeGreaterThanOrEqual(3 * products + joined);
  expect(received - before.received).toBeLessThanOrEqual(3 * products + joined + besides);
  expect(delivered - before.delivered).toBeLessThanOrEqual(sum + besides);
  await dispatcher.stop();
});

test("what a killed puller has placed and not reported, it reports when it is back", async () => {
  const dispatcher = await bench.startDispatcher();
  const puller = await bench.startPuller("a");
  const receiptMessages = await bench.listen("receipts", ["v00.urp.pulled"]);
  // Other names than above: the ledger still has the last message of that test.
  for (let number = 0; number < products; number++) await bench.announce("input", bench.urp1, `killed${number}`);
  await expect.poll(() => bench.products.length, waiting).toBeGreaterThan(20);
  await puller.kill();
  const reported = () =>
    new Set(receiptMessages.flatMap((message) => receiptsIn(message).map(({ body }) => body.toString())));
  await expect.poll(() => reported().size, waiting).toBe(products);
  expect(bench.products).toHaveLength(products);
  await dispatcher.stop();
});
