import { expect, it } from "vitest";
import { Slots } from "./slots.ts";

const never = new AbortController().signal;

it("grants slots in the order of requests, never more than the limit", async () => {
  const slots = new Slots(2);
  const order: number[] = [];
  let inside = 0;
  let most = 0;
  await Promise.all(
    [1, 2, 3, 4, 5].map(async (each) => {
      const leave = await slots.take(never);
      most = Math.max(most, ++inside);
      order.push(each);
      await Promise.resolve();
      inside--;
      leave();
      leave();
    }),
  );
  expect([order, most, inside]).toEqual([[1, 2, 3, 4, 5], 2, 0]);
});

it("shrinks below the slots in use, but not to zero", async () => {
  const slots = new Slots(3);
  const leave = [await slots.take(never), await slots.take(never)];
  expect(slots.shrinkBelowTaken()).toBe(true);
  let given = false;
  const third = slots.take(never).then((free) => {
    given = true;
    return free;
  });
  leave[0]?.();
  await Promise.resolve();
  expect(given).toBe(false);
  expect(slots.shrinkBelowTaken()).toBe(false);
  leave[1]?.();
  (await third)();
});

it("a caller that stops waiting takes no slot", async () => {
  const slots = new Slots(1);
  const leave = await slots.take(never);
  const stop = new AbortController();
  const waiting = slots.take(stop.signal);
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  leave();
  (await slots.take(never))();
});
