import { afterEach, expect, test } from "vitest";
import { seededChoices } from "../../tests/rigs/seeded.ts";
import { announcedBy, Bench, dispatchedAs, placedAt } from "./fixture.ts";

const chosen = seededChoices();
const products = 200_000;
/** As many messages as come in a quarter of a second at 20,000 a second. */
const batchMessages = 5000;
const microsecondsMax = 400;
const bytesMax = 600;

let bench: Bench;
afterEach(() => bench.end());

// Times of this machine: the limits are far above what an idle one needs (see the printed figures).
test("200,000 products cost little time a message and little room a product", { timeout: 600_000 }, () => {
  bench = new Bench({ productsMax: 1_000_000 });
  bench.settle();
  const { audit } = bench;
  const path =
    "db/20150120/RADAR/URP/IWA/201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
  const waiting: number[] = [];
  let messages = 0;
  let cpuMs = 0;
  const commit = () => {
    const began = process.cpuUsage();
    audit.commit();
    const { user, system } = process.cpuUsage(began);
    cpuMs += (user + system) / 1000;
  };
  const take = (sighting: Parameters<Bench["take"]>[0]) => {
    bench.take(sighting);
    if (++messages % batchMessages === 0) commit();
  };
  for (let product = 0; product < products; product++) {
    take({ ...announcedBy(product, "urp-1.cmc.ec.gc.ca", bench.nowMs), path });
    take({ ...announcedBy(product, "urp-2.cmc.ec.gc.ca", bench.nowMs), path });
    take({ ...dispatchedAs(product, `ab12cd34-${product.toString(36)}`), path });
    waiting.push(product);
    // Receipts come in another order, and some in a later batch.
    if (waiting.length > 2000) take(placedAt(waiting.splice(chosen(waiting.length), 1)[0] ?? 0, "pds-1", bench.nowMs));
  }
  for (const product of waiting) take(placedAt(product, "pds-1", bench.nowMs));
  commit();
  expect(bench.counts).toMatchObject({ announced: products, placed: products, repeated: 0, unknown: 0, waiting: 0 });
  const microseconds = (cpuMs * 1000) / messages;
  const bytes = audit.storeBytes / products;
  console.info(`${messages} messages: ${microseconds.toFixed(1)} µs each; ${bytes.toFixed(0)} bytes a product`);
  expect(microseconds).toBeLessThan(microsecondsMax);
  expect(bytes).toBeLessThan(bytesMax);
});
