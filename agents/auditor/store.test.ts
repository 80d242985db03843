import { existsSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type PublicHour, publicBoundsSeconds } from "../lib/audit-history.ts";
import { announcedBy, dispatchedAs, keyOf, placedAt, placedBefore, startMs, unmarked } from "./fixture.ts";
import { type Product, withSighting } from "./product.ts";
import { openStore, Store, StoreFault } from "./store.ts";
import { emptyMemory } from "./store-schema.ts";

const limits = { overdueMs: 120_000, windowMs: 7_200_000 };
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warren-store-"));
  path = join(folder, "products.sqlite");
});
afterEach(() => rmSync(folder, { recursive: true }));

const productOf = (number: number, nowMs = startMs): Product =>
  withSighting(undefined, announcedBy(number, "urp-1", nowMs - 5), { sinceMs: nowMs, nowMs }, limits);

/** Puts so many waiting products into a new store. */
function filled(products: number): Store {
  const store = new Store(path);
  store.transaction(() => {
    for (let number = 0; number < products; number++) store.put(undefined, productOf(number, startMs + number));
    store.save(emptyMemory);
  });
  return store;
}

test("a product is read as it was written, by this process and the next", () => {
  const all = [
    ...[announcedBy(1, "urp-1", startMs - 5), announcedBy(1, "urp-2"), dispatchedAs(1, "a-1"), dispatchedAs(1, "a-2")],
    ...[placedAt(1, "pds-1", startMs), placedAt(1, "pds-2", startMs + 1), unmarked(1, "c-1"), placedBefore(1)],
  ];
  const store = new Store(path);
  let product: Product | undefined;
  for (const sighting of all) {
    const next = withSighting(product, sighting, { sinceMs: startMs, nowMs: startMs }, limits);
    store.transaction(() => store.put(product, next));
    expect(store.product(keyOf(1))).toEqual(next);
    product = next;
  }
  store.transaction(() => store.save(emptyMemory));
  store.close();
  const { store: again, begun } = openStore(path);
  expect([again.product(keyOf(1)), again.product(keyOf(2)), begun]).toEqual([product, undefined, undefined]);
  again.close();
});

const publicHour = (startMs: number, minutes: number): PublicHour => {
  const classes = [...publicBoundsSeconds, 0].map(() => minutes);
  return { startMs, minutes, delivered: classes, announced: classes };
};

test("an hour of the public path stays as it was first written, until its time is over", () => {
  const store = filled(1);
  store.addPublicHour(publicHour(startMs, 60));
  store.addPublicHour(publicHour(startMs, 10));
  store.addPublicHour(publicHour(startMs + 1, 50));
  expect(store.publicHours(startMs, startMs + 2)).toEqual([publicHour(startMs, 60), publicHour(startMs + 1, 50)]);
  expect(store.publicHours(startMs + 1, startMs + 1)).toEqual([]);
  store.trimHistory(startMs + 1);
  expect(store.publicHours(0, startMs + 2)).toEqual([publicHour(startMs + 1, 50)]);
  store.close();
});

test("waiting products are found the oldest first", () => {
  const store = filled(20);
  expect(store.open("waiting", startMs + 5, 3).map(({ key }) => key)).toEqual([0, 1, 2].map(keyOf));
  expect([store.oldestWaitingMs(), store.open("overdue", startMs + 5, 3)]).toEqual([startMs - 0, []]);
  store.close();
});

describe("the oldest products are deleted", () => {
  test("beyond the limit, so many at a time", () => {
    const store = filled(100);
    expect(store.trim(90, 0, 4)).toEqual({ waiting: 4 });
    expect(store.trim(90, 0, 40)).toEqual({ waiting: 6 });
    expect([store.trim(90, 0, 40), store.products, store.product(keyOf(9))]).toEqual([{}, 90, undefined]);
    expect(store.product(keyOf(10))).toBeDefined();
    store.close();
  });

  test("after their time, so many at a time", () => {
    const store = filled(100);
    expect(store.trim(1000, startMs + 10, 4)).toEqual({ waiting: 4 });
    expect(store.trim(1000, startMs + 10, 40)).toEqual({ waiting: 6 });
    expect([store.trim(1000, startMs + 10, 40), store.products]).toEqual([{}, 90]);
    store.close();
  });
});

test("a dead letter counts once, however often it is delivered", () => {
  const store = filled(1);
  const letter = { id: "d-1", key: keyOf(0), reason: "404", atMs: startMs };
  expect([store.addDeadLetter(letter), store.addDeadLetter(letter)]).toEqual([true, false]);
  expect(store.addDeadLetter({ ...letter, id: "d-2", key: undefined })).toBe(true);
  expect(store.deadLettersOf(keyOf(0))).toEqual([letter]);
  store.close();
});

test("without room a transaction is undone; with room it works again", () => {
  const store = filled(10);
  store.limitPages(1);
  const many = () => {
    for (let number = 1000; number < 3000; number++) store.put(undefined, productOf(number));
  };
  expect(() => store.transaction(many)).toThrow(StoreFault);
  expect([store.products, store.product(keyOf(1000))]).toEqual([10, undefined]);
  store.limitPages(1_000_000);
  store.transaction(many);
  expect(store.products).toBe(2010);
  store.close();
});

describe("a file that can't be used is set aside, and a new one begins:", () => {
  test.each<[string, () => void]>([
    ["other content", () => writeFileSync(path, "x".repeat(10_000))],
    ["a later version", () => makeOdd("PRAGMA user_version = 99")],
    ["counts that are none", () => makeOdd(`UPDATE memory SET content = '{"counts": 5}'`)],
    ["counts that are no JSON", () => makeOdd(`UPDATE memory SET content = 'x'`)],
    ["another program's tables", () => makeOdd("DROP TABLE memory")],
    ["cut off", () => truncateSync(path, statSync(path).size / 2)],
  ])("%s", (_, spoil) => {
    filled(500).close();
    spoil();
    const { store, memory, begun } = openStore(path);
    expect([store.products, memory]).toEqual([0, emptyMemory]);
    expect(begun).toMatch(/could not be used/);
    expect(existsSync(`${path}.unusable`)).toBe(true);
    store.close();
  });

  function makeOdd(sql: string): void {
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
  }
});

test("a file of which nothing was written yet is a new one", () => {
  writeFileSync(path, "");
  const { store, begun } = openStore(path);
  expect([store.products, begun]).toEqual([0, "its store is new"]);
  store.close();
});
