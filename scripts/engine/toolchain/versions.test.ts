import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { moduleFolder, wantedGo } from "./go.ts";
import { parseVersion, pinnedVersions, satisfies } from "./versions.ts";

test.each([
  ["v3.259.0", true],
  ["3.260.1\n", true],
  ["v3.300.0-dev.1", true],
  ["v3.258.9", false],
  ["v4.0.0", false],
  ["v2.300.0", false],
  ["nonsense", false],
])("an engine that reports %j fits 3.259.0: %s", (printed, fits) => {
  expect(satisfies(parseVersion(printed), [3, 259, 0])).toBe(fits);
});

test("Go's version format is parsed", () => {
  expect(parseVersion("go1.26.8")).toEqual([1, 26, 8]);
  expect(parseVersion("go1.27")).toEqual([1, 27, 0]);
});

test("the engine's Go module has the version of the SDK in package.json", async () => {
  const { engine } = pinnedVersions();
  const lines = readFileSync(path.join(moduleFolder, "go.mod"), "utf8")
    .split("\n")
    .map((line) => line.replace("// indirect", "").trim());
  expect(lines.includes("tool github.com/pulumi/pulumi/pkg/v3/cmd/pulumi")).toBe(true);
  for (const part of ["pkg", "sdk"]) {
    expect(lines.filter((line) => line.startsWith(`github.com/pulumi/pulumi/${part}/v3 `))).toEqual([
      `github.com/pulumi/pulumi/${part}/v3 v${engine}`,
    ]);
  }
  expect(satisfies(await wantedGo(), [1, 25, 0])).toBe(true);
});
