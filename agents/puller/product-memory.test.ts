import { expect, test } from "vitest";
import type { Inquiry } from "./peer-message.ts";
import { ProductMemory } from "./product-memory.ts";
import { Recent } from "./recent.ts";

const product = { key: "k1", inDoubt: false, firstArrivalSeconds: 1_421_777_342 };
const winner: Inquiry = { ...product, kind: "first", url: "http://urp-1/db/p::1", fileName: "p::1", sizeBytes: 7 };
const twin: Inquiry = { ...product, kind: "twin", url: "http://urp-2/db/p::2", fileName: "p::2", sizeBytes: 8 };

test("a product is known by its twin's announcement too, until the time is over in which that is the same product", () => {
  const memory = new ProductMemory(1000);
  expect(memory.wasPlaced(twin, 0)).toBe(false);
  memory.placed(winner, 0);
  expect([memory.wasPlaced(twin, 1000), memory.wasPlaced(twin, 1001)]).toEqual([true, false]);
});

test("the very same announcement is known without a time limit: acks may be lost hours later", () => {
  const memory = new ProductMemory(1000);
  memory.placed(winner, 0);
  expect(memory.wasPlaced(winner, 10_000_000)).toBe(true);
  expect(memory.wasPlaced({ ...winner, sizeBytes: 8 }, 10_000_000)).toBe(false);
});

test("the same file announced with another first arrival is a new product, after the time in which a key is the same one", () => {
  const memory = new ProductMemory(1000);
  memory.placed(winner, 0);
  const later = { ...winner, firstArrivalSeconds: 1_421_787_342 };
  expect([memory.wasPlaced(later, 1000), memory.wasPlaced(later, 1001)]).toEqual([true, false]);
});

test("without a time it may be a new one too", () => {
  const memory = new ProductMemory(1000);
  const timeless: Inquiry = { ...winner, kind: "foreign", firstArrivalSeconds: undefined };
  memory.placed(timeless, 0);
  expect([memory.wasPlaced(timeless, 1000), memory.wasPlaced(timeless, 1001)]).toEqual([true, false]);
});

test("the key of a feed that is not the dispatcher's does not identify the product", () => {
  const memory = new ProductMemory(1000);
  memory.placed({ ...winner, kind: "foreign" }, 0);
  expect([memory.wasPlaced(twin, 0), memory.wasPlaced({ ...winner, kind: "foreign" }, 0)]).toEqual([false, true]);
  memory.placed(twin, 0);
  expect(memory.wasPlaced({ ...winner, kind: "foreign", url: "http://x/p" }, 0)).toBe(false);
});

test("a requested product does not count as placed", () => {
  const memory = new ProductMemory(1000);
  memory.askedFor(winner, 0);
  expect([memory.wasAskedFor(winner, 1000), memory.wasAskedFor(winner, 1001)]).toEqual([true, false]);
  expect([memory.wasAskedFor(twin, 0), memory.wasPlaced(winner, 0)]).toEqual([false, false]);
});

test("at the limit the oldest is forgotten; a repeated one is not the oldest", () => {
  const recent = new Recent(2);
  recent.add("a", 0);
  recent.add("b", 1);
  recent.add("a", 2);
  recent.add("c", 3);
  expect(["a", "b", "c"].map((name) => recent.has(name))).toEqual([true, false, true]);
});
