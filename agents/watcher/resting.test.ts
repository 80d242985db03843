import { expect, test } from "vitest";
import { Resting } from "./resting.ts";

const paths = (due: readonly { readonly path: string }[]) => due.map(({ path }) => path);

test("files come out when they are due, the earliest first, each once", () => {
  const resting = new Resting();
  resting.rest("b", "closed", 200);
  resting.rest("a", "found", 100);
  expect(resting.nextDueMs).toBe(100);
  expect(resting.take(99)).toEqual([]);
  expect(resting.take(250)).toEqual([
    { path: "a", coming: "found" },
    { path: "b", coming: "closed" },
  ]);
  expect(resting.size).toBe(0);
  expect(resting.nextDueMs).toBeUndefined();
});

test("who comes again rests anew, and no file comes out early", () => {
  const resting = new Resting();
  resting.rest("a", "found", 100);
  resting.rest("a", "closed", 305);
  resting.rest("a", "closed", 305);
  expect(resting.take(304)).toEqual([]);
  expect(resting.has("a")).toBe(true);
  expect(resting.take(310)).toEqual([{ path: "a", coming: "closed" }]);
});

test("a stirred file does not come out until it comes again", () => {
  const resting = new Resting();
  resting.rest("a", "closed", 100);
  resting.rest("b", "closed", 100);
  resting.stir("a");
  expect(resting.size).toBe(1);
  expect(paths(resting.take(1000))).toEqual(["b"]);
  resting.rest("a", "closed", 1100);
  expect(paths(resting.take(1100))).toEqual(["a"]);
});
