import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { checkout } from "../../../scripts/engine/places.ts";
import { fixedSeeds } from "../seeds.ts";
import { testRuns } from "../tests.ts";
import { textSubjects } from "./subjects.ts";

// texts.long.test.ts tests other seeds, and ten times as many texts of each.
testRuns(textSubjects, fixedSeeds, (name) => (name === "stack" ? 50 : 1000));

test.each([
  ["an unterminated string", `{"a": "${'\\"'.repeat(500_000)}`],
  ["a megabyte of one string", `{"a": "${"a".repeat(1_000_000)}"}`],
  ["unterminated comments", "/* ".repeat(500_000)],
  ["deep nesting", `{"a": ${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
  ["bytes that are not UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
])("an agent reports the problem of a config with %s at once, and exits with 2", (_, text) => {
  const folder = mkdtempSync(path.join(tmpdir(), "warren-texts-"));
  try {
    const file = path.join(folder, "config.json");
    writeFileSync(file, text);
    const program = path.join(checkout, "agents/announcer/main.ts");
    const { status, stderr } = spawnSync(process.execPath, [program, "--config", file, "--check-config"], {
      encoding: "utf8",
      timeout: 9000,
    });
    expect(stderr).toMatch(/^\S+: \n {2}(\(top level\): is |broker: expected object)/);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(status).toBe(2);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
