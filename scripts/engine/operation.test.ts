import { expect, test } from "vitest";
import { operationArguments } from "./operation.ts";

const up = { name: "up", withYes: ["--skip-preview"] } as const;

test("an operation asks first unless --yes is given", () => {
  expect(operationArguments(up, { stack: "op" })).toEqual(["up", "--stack", "op"]);
});

test("with --yes there is no question, and so no preview", () => {
  const expected = ["up", "--stack", "op", "--yes", "--skip-preview"];
  expect(operationArguments(up, { stack: "op", yes: true })).toEqual(expected);
});

test("an option that the user gives is left unchanged", () => {
  const words = ["--skip-preview=false", "--diff"];
  expect(operationArguments(up, { stack: "op", yes: true, words })).toEqual(["up", "--stack", "op", "--yes", ...words]);
});
