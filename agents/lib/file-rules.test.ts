import { expect, test } from "vitest";
import { capturesOf, FileRules, fileRule } from "./file-rules.ts";

test("the first rule that matches decides, and its captures are returned", () => {
  const rules = new FileRules([{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }], false);
  expect(rules.judge("radar.GIF.XSS++a.gif")).toMatchObject({ accepted: true, captures: ["radar.GIF.XSS"] });
  expect(rules.judge("ensemble.naefs.grib2.raw.x++a")).toMatchObject({ accepted: false });
});

test("a name that no rule matches is treated as the agent decides, and has no captures", () => {
  expect(new FileRules([], true).judge("x")).toEqual({ accepted: true, pattern: undefined, captures: [] });
  expect(new FileRules([{ accept: "y" }], false).judge("x").accepted).toBe(false);
});

test("a pattern is matched from the start of the name, not somewhere inside", () => {
  const rules = new FileRules([{ accept: "b" }], false);
  expect(rules.judge("ab").accepted).toBe(false);
  expect(rules.judge("ba").accepted).toBe(true);
  expect(rules.judge("ba").accepted).toBe(true);
});

test("a pattern without groups captures its whole match; an unused group is empty", () => {
  expect(new FileRules([{ accept: "rad.r" }], false).judge("radar.x").captures).toEqual(["radar"]);
  expect(new FileRules([{ accept: "(a)?(b)" }], false).judge("b").captures).toEqual(["", "b"]);
  expect([capturesOf("rad.r"), capturesOf("(a)?(b)"), capturesOf("(?:a)(?<n>b)")]).toEqual([1, 2, 1]);
});

test.each([
  [{}, "either"],
  [{ accept: "a", reject: "b" }, "either"],
  [{ accept: "(" }, "regular expression"],
])("%j is not a rule", (rule, message) => {
  expect(fileRule.safeParse(rule).error?.message).toContain(message);
});
