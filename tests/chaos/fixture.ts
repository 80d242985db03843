import { seededRandom } from "../../scripts/traffic/random.ts";
import type { RoundRecord } from "./account.ts";
import { Evidence } from "./evidence.ts";
import { type ChaosProduct, makeProduct, runMark } from "./products.ts";
import type { Seen } from "./tap.ts";

export const run = "TEST";
const observed = new Date("2026-11-25T01:38:00Z");

/** Products, and evidence that a test can add to. */
export function makeCase(count: number) {
  const random = seededRandom(1);
  const urps = ["urp-1", "urp-2"];
  const products = Array.from({ length: count }, (_, number) => makeProduct(run, number, { urps, observed, random }));
  const evidence = new Evidence(runMark(run));
  const at = (index: number): ChaosProduct => {
    const product = products[index];
    if (!product) throw new RangeError(`no product ${index}`);
    return product;
  };
  const copyOf = (index: number, copy: 0 | 1) => {
    const found = at(index).copies[copy];
    if (!found) throw new RangeError(`no copy ${copy}`);
    return found;
  };
  const saw = (
    kind: Seen["kind"],
    index: number,
    copy: 0 | 1,
    messageId: string,
    atMs: number,
    more: Partial<Seen> = {},
  ) => {
    const { file, urp } = copyOf(index, copy);
    evidence.saw({ kind, file, source: urp, messageId, atMs, doubt: false, reason: undefined, ...more });
  };
  return {
    evidence,
    products,
    at,
    copyOf,
    saw,
    write(index: number, atMs: number) {
      evidence.attempted(at(index));
      for (const copy of at(index).copies) evidence.written(at(index), copy, atMs);
    },
    announce: (index: number, atMs: number) => saw("announced", index, 0, `announcer-${index}`, atMs),
    dispatch: (index: number, messageId: string, atMs: number, more: Partial<Seen> = {}) =>
      saw("dispatched", index, 0, messageId, atMs, more),
    receive: (index: number, messageId: string, atMs: number) =>
      evidence.saw({ kind: "pulled", key: at(index).key, messageId, atMs }),
    deliver: (index: number, pds: string, atMs: number, copy: 0 | 1 = 0) =>
      evidence.delivered({ pds, file: copyOf(index, copy).file, atMs, wrong: undefined }),
  };
}

export function roundOf(number: number, fault: string, faultMs: number, more: Partial<RoundRecord> = {}): RoundRecord {
  return {
    number,
    fault,
    hosts: ["bunny1"],
    faultMs,
    healMs: faultMs + 10,
    recoveredMs: faultMs + 20,
    notes: [],
    ...more,
  };
}
