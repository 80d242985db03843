import { expect, test } from "vitest";
import { ConfigError } from "../../agents/lib/errors.ts";
import { readStackText, stackBytesMax } from "./stack-text.ts";

function faultsOf(text: string | Buffer): string[] {
  try {
    readStackText(Buffer.from(text), "stacks/Pulumi.x.yaml");
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
  return [];
}

test("a stack file's config is its config section, or empty without one", () => {
  expect(readStackText(Buffer.from("config:\n  a: &x [1]\n  b: *x\n"), "x")).toEqual({ a: [1], b: [1] });
  expect(readStackText(Buffer.from("encryptionsalt: v1\n"), "x")).toEqual({});
});

test.each([
  ["a repeated key", "config:\n  a: 1\n  b: 2\n  a: 3\n", ["line 4: a is there a second time"]],
  ["a key that isn't a scalar", "config:\n  [a]: 1\n", ["line 2: expected a plain scalar as key"]],
  [
    "a tag",
    "config:\n  a: !!binary aGk=\n",
    ["line 2: expected a plain value, got one with the tag tag:yaml.org,2002:binary"],
  ],
  ["a list", "- a\n", [": expected a map with the key config"]],
  ["a config that isn't a map", "config: 1\n", ["config: expected a map"]],
  ["nothing", "", [": expected a map with the key config"]],
  ["not UTF-8", Buffer.from([0xff]), [": is not UTF-8"]],
  ["an alias of its own parent", "config: &a\n  b: *a\n", [": is nested more than 64 deep"]],
  ["too large", "#".repeat(stackBytesMax + 1), [`: expected at most ${stackBytesMax} bytes, got ${stackBytesMax + 1}`]],
])("%s is reported with its position", (_, text, expected) => {
  expect(faultsOf(text)).toEqual(expected);
});

test("aliases that would expand without limit are refused", () => {
  const levels = Array.from({ length: 9 }, (_, at) => `  k${at + 1}: &k${at + 1} [${Array(9).fill(`*k${at}`)}]`);
  expect(faultsOf(["config:", "  k0: &k0 [lol]", ...levels].join("\n"))[0]).toMatch(/^: its aliases can't be followed/);
});

test("nesting too deep for the parser's stack is reported", () => {
  expect(faultsOf(`config: ${"[".repeat(20_000)}`)[0]).toMatch(/is nested too deep$/);
});

test("fifty thousand keys are read in seconds", { timeout: 9000 }, () => {
  const keys = Array.from({ length: 50_000 }, (_, at) => `  k${at}: 1`);
  expect(faultsOf(["config:", ...keys].join("\n"))).toEqual([]);
});
