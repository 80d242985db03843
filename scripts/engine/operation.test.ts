import { expect, test } from "vitest";
import { operationArguments } from "./operation.ts";

const up = { name: "up", always: ["--continue-on-error"], withYes: ["--skip-preview"] } as const;

test("an operation continues after an error, and asks first unless --yes is given", () => {
  expect(operationArguments(up, { stack: "op" })).toEqual(["up", "--stack", "op", "--continue-on-error"]);
});

test("with --yes there is no question, and so no preview", () => {
  const expected = ["up", "--stack", "op", "--continue-on-error", "--yes", "--skip-preview"];
  expect(operationArguments(up, { stack: "op", yes: true })).toEqual(expected);
});

test("an option that the user gives is left unchanged", () => {
  const words = ["--continue-on-error=false", "--diff"];
  expect(operationArguments(up, { stack: "op", words })).toEqual(["up", "--stack", "op", ...words]);
});
