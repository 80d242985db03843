import { expect, test } from "vitest";
import { Resting } from "./resting.ts";

const paths = (due: readonly { readonly path: string }[]) => due.map(({ path }) => path);

test("files are returned when they are due, earliest first, each once", () => {
  const resting = new Resting();
  resting.rest("b", "closed", 200);
  resting.rest("a", "found", 100);
  expect(resting.nextDueMs).toBe(100);
  expect(resting.takeDue(99)).toEqual([]);
  expect(resting.takeDue(250)).toEqual([
    { path: "a", how: "found" },
    { path: "b", how: "closed" },
  ]);
  expect(resting.size).toBe(0);
  expect(resting.nextDueMs).toBeUndefined();
});

test("a file that arrives again rests from scratch, and no file is returned early", () => {
  const resting = new Resting();
  resting.rest("a", "found", 100);
  resting.rest("a", "closed", 305);
  resting.rest("a", "closed", 305);
  expect(resting.takeDue(304)).toEqual([]);
  expect(resting.has("a")).toBe(true);
  expect(resting.takeDue(310)).toEqual([{ path: "a", how: "closed" }]);
});

test("an interrupted file is not returned until it arrives again", () => {
  const resting = new Resting();
  resting.rest("a", "closed", 100);
  resting.rest("b", "closed", 100);
  resting.interrupt("a");
  expect(resting.size).toBe(1);
  expect(paths(resting.takeDue(1000))).toEqual(["b"]);
  resting.rest("a", "closed", 1100);
  expect(paths(resting.takeDue(1100))).toEqual(["a"]);
});
