import { expect, it } from "vitest";
import { parseDpkg } from "./packages.ts";

it("what dpkg said comes with how it ended, and half an answer is none", () => {
  expect(parseDpkg("ended 0\n")).toEqual({ said: "", exitCode: 0 });
  const locked = "dpkg: error: dpkg frontend lock was locked by another process with pid 7\n";
  expect(parseDpkg(`${locked}ended 2\n`)).toEqual({ said: locked.trim(), exitCode: 2 });
  expect(parseDpkg("Setting up erlang-base …\n")).toBeUndefined();
});
