import { expect, it } from "vitest";
import { globPattern, selectPaths } from "./glob.ts";

it.each([
  ["*.txt", "a.txt", true],
  ["*.txt", "sub/a.txt", false],
  ["**.txt", "sub/a.txt", true],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["[ab]x", "bx", true],
  ["[!ab]x", "bx", false],
  ["[!ab]x", "cx", true],
  ["[a-c]x", "bx", true],
  ["{one,two}.*", "two.md", true],
  ["{one,two}.*", "three.md", false],
  ["a,b", "a,b", true],
  ["a.b", "axb", false],
  ["\\*", "*", true],
  ["\\*", "x", false],
  ["é?", "éü", true],
])("%s on %s: %s", (glob, path, matches) => {
  expect(globPattern(glob).test(path)).toBe(matches);
});

it("gives later rules precedence", () => {
  expect(selectPaths(["a.js", "b.js", "c.ts"], ["*", "!*.js", "b.*"])).toEqual(["b.js", "c.ts"]);
});

it("names an unclosed pattern", () => {
  expect(() => globPattern("{a,b")).toThrow("{a,b");
});
