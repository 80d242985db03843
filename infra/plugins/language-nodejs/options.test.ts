import { expect, it } from "vitest";
import { nodeArgsOf } from "./options.ts";

it("accepts typescript: false and arguments for node", () => {
  expect(nodeArgsOf({ typescript: false })).toEqual([]);
  const nodeargs = " --trace-warnings  --title=a";
  expect(nodeArgsOf({ typescript: false, nodeargs })).toEqual(["--trace-warnings", "--title=a"]);
});

it("names all unsupported options at once", () => {
  expect(() => nodeArgsOf({ typescript: true, packagemanager: "yarn", nodeargs: 1 })).toThrow(
    /packagemanager.*\n.*typescript.*\n.*nodeargs/,
  );
  expect(() => nodeArgsOf({ typescript: false, nodeargs: "--title 'a b'" })).toThrow("without quotes");
  expect(() => nodeArgsOf({})).toThrow("runtime.options.typescript: must be false");
});
