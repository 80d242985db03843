import { expect, test } from "vitest";
import { operationArguments } from "./operation.ts";

const up = { name: "up", always: ["--continue-on-error"], withYes: ["--skip-preview"] } as const;

test("an operation goes on after an error, and asks first unless told not to", () => {
  expect(operationArguments(up, { stack: "op" })).toEqual(["up", "--stack", "op", "--continue-on-error"]);
});

test("with --yes nobody is asked, so nothing is previewed to ask about", () => {
  const expected = ["up", "--stack", "op", "--continue-on-error", "--yes", "--skip-preview"];
  expect(operationArguments(up, { stack: "op", yes: true })).toEqual(expected);
});

test("what the person says of the same option is left as it is", () => {
  const words = ["--continue-on-error=false", "--diff"];
  expect(operationArguments(up, { stack: "op", words })).toEqual(["up", "--stack", "op", ...words]);
});
