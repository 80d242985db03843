import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installMissing, missingPackages } from "./packages.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warren-packages-"));
  for (const name of ["one", "two"]) {
    writeFileSync(path.join(folder, name), "#!/bin/sh\n");
    chmodSync(path.join(folder, name), 0o755);
  }
});

afterEach(() => rmSync(folder, { recursive: true }));

const needs = (...programs: string[]) => programs.map((program) => ({ program, package: `${program[0]}-package` }));

test("a package is missing if its program isn't on PATH, and is listed once", () => {
  expect(missingPackages(needs("one", "two"), folder)).toEqual([]);
  expect(missingPackages(needs("one", "three-x", "three-y"), `/nowhere:${folder}`)).toEqual(["t-package"]);
});

test("nothing is printed or done if nothing is missing", async () => {
  const printed: string[] = [];
  await installMissing([{ program: "sh", package: "dash" }], (text) => printed.push(text));
  expect(printed).toEqual([]);
});
