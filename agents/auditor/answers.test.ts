import { afterEach, beforeEach, expect, test } from "vitest";
import { keyOfName, overdueAnswer, productsAnswer, refusedAnswer } from "../lib/audit-answers.ts";
import { auditHistory, publicBoundsSeconds } from "../lib/audit-history.ts";
import { answer } from "./answers.ts";
import { announcedBy, Bench, dispatchedAs, keyOf, placedAt } from "./fixture.ts";
import { hourOf } from "./hours.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
  bench.settle();
});
afterEach(() => bench.end());

const ask = (path: string) => answer(new URL(path, "http://agent"), bench.audit, true);

test("a product is found by its key, with its dead letters", () => {
  const dead = { kind: "dead-letter", id: "d-1", key: keyOf(1), reason: "404" } as const;
  bench.take(announcedBy(1, "urp-1"), dispatchedAs(1, "a-1"), placedAt(1, "pds-1", bench.nowMs), dead);
  bench.audit.commit();
  const found = ask(`/products?name=${keyOf(1).toUpperCase()}`);
  expect(found?.status).toBe(200);
  const { products, knows, version } = productsAnswer.parse(JSON.parse(JSON.stringify(found?.body)));
  expect([knows, version]).toEqual([true, 1]);
  expect(products).toMatchObject([
    { key: keyOf(1), state: "placed", announcedBy: "urp-1", puller: "pds-1", deadLetters: [{ reason: "404" }] },
  ]);
  expect(productsAnswer.parse(ask("/products?name=other")?.body).products).toEqual([]);
});

test("a name, a path and a key are the same product, with or without the reception stamp", () => {
  const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
  const key = "a985c32cbdee8af2ab5d7b8f6022e781";
  expect([keyOfName(name), keyOfName(`db/20150120/RADAR/${name}`), keyOfName(key)]).toEqual([key, key, key]);
  expect([keyOfName(""), keyOfName("a/"), keyOfName("x".repeat(5000))]).toEqual([undefined, undefined, undefined]);
});

test("products that are overdue are listed, the oldest first", () => {
  for (const product of [1, 2]) {
    bench.take(announcedBy(product, "urp-1"), dispatchedAs(product, `a-${product}`));
    bench.pass(2);
  }
  bench.pass(200);
  const { products, more } = overdueAnswer.parse(JSON.parse(JSON.stringify(ask("/overdue")?.body)));
  expect([products.map(({ key }) => key), more]).toEqual([[keyOf(1), keyOf(2)], false]);
});

test("the history has the hours of both paths", () => {
  const classes = [...publicBoundsSeconds, 0].map((_, at) => at);
  const hour = { startMs: hourOf(bench.nowMs), minutes: 60, delivered: classes, announced: classes };
  expect(bench.audit.notePublic([hour])).toBe(true);
  const body = ask(`/history?from=${hour.startMs}&to=${bench.nowMs}`)?.body;
  const { hours, publicHours } = auditHistory.parse(JSON.parse(JSON.stringify(body)));
  expect([hours.map(({ startMs }) => startMs), publicHours]).toEqual([[hour.startMs], [hour]]);
});

test("other questions are refused, or are not the auditor's", () => {
  expect([ask("/other"), ask("/products")?.status, ask("/products?name=")?.status]).toEqual([undefined, 400, 400]);
  expect(refusedAnswer.parse(ask("/products")?.body).error).toMatch(/expected \?name=/);
});
