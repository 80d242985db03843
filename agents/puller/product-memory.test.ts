import { expect, test } from "vitest";
import type { Order } from "./order.ts";
import { ProductMemory } from "./product-memory.ts";
import { Recent } from "./recent.ts";

const winner: Order = {
  key: "k1",
  url: "http://urp-1/db/p::1",
  origin: "http://urp-1",
  fileName: "p::1",
  sizeBytes: 7,
};
const twin: Order = { key: "k1", url: "http://urp-2/db/p::2", origin: "http://urp-2", fileName: "p::2", sizeBytes: 8 };

test("a product is known by its twin's announcement too, until the time is over in which that is the same product", () => {
  const memory = new ProductMemory(1000);
  expect(memory.wasPlaced(twin, "twin", 0)).toBe(false);
  memory.placed(winner, "first", 0);
  expect([memory.wasPlaced(twin, "twin", 1000), memory.wasPlaced(twin, "twin", 1001)]).toEqual([true, false]);
});

test("the very same announcement is known without a limit of time: acks are lost for hours", () => {
  const memory = new ProductMemory(1000);
  memory.placed(winner, "first", 0);
  expect(memory.wasPlaced(winner, "first", 10_000_000)).toBe(true);
  expect(memory.wasPlaced({ ...winner, sizeBytes: 8 }, "first", 10_000_000)).toBe(false);
});

test("the key of a feed that is not the dispatcher's says nothing of the product", () => {
  const memory = new ProductMemory(1000);
  memory.placed(winner, "foreign", 0);
  expect([memory.wasPlaced(twin, "twin", 0), memory.wasPlaced(winner, "foreign", 0)]).toEqual([false, true]);
  memory.placed(twin, "twin", 0);
  expect(memory.wasPlaced({ ...winner, url: "http://x/p" }, "foreign", 0)).toBe(false);
});

test("what was asked for is not what was placed", () => {
  const memory = new ProductMemory(1000);
  memory.askedFor(winner, 0);
  expect([memory.wasAskedFor(winner, 1000), memory.wasAskedFor(winner, 1001)]).toEqual([true, false]);
  expect([memory.wasAskedFor(twin, 0), memory.wasPlaced(winner, "first", 0)]).toEqual([false, false]);
});

test("at the bound the oldest is forgotten; what came again is not the oldest", () => {
  const recent = new Recent(2);
  recent.add("a", 0);
  recent.add("b", 1);
  recent.add("a", 2);
  recent.add("c", 3);
  expect(["a", "b", "c"].map((name) => recent.has(name))).toEqual([true, false, true]);
});
