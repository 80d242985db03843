import { expect, it } from "vitest";
import { parseOptions, splitWords } from "./options.ts";

it("accepts typescript: false and arguments for node", () => {
  expect(parseOptions({ typescript: false })).toEqual({ nodeArgs: [] });
  expect(parseOptions({ typescript: false, nodeargs: "--trace-warnings --title 'a b'" }).nodeArgs).toEqual([
    "--trace-warnings",
    "--title",
    "a b",
  ]);
});

it("names all unsupported options at once", () => {
  expect(() => parseOptions({ typescript: true, packagemanager: "yarn", nodeargs: 1 })).toThrow(
    /packagemanager.*\n.*typescript.*\n.*nodeargs/,
  );
  expect(() => parseOptions({})).toThrow("runtime.options.typescript: must be false");
});

it.each([
  ["a  b", ["a", "b"]],
  [`"a b" 'c d'`, ["a b", "c d"]],
  [`--x="a \\"q\\""`, [`--x=a "q"`]],
  ["a\\ b", ["a b"]],
  ["", []],
])("splits %j as a shell would", (text, words) => {
  expect(splitWords(text)).toEqual(words);
});
