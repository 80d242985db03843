import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";

// The verb itself, with a cache folder of its own. It is not confirmed here, because it would free this checkout's files, too.
let cache: string;
let former: string;

beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), "warren-clean-"));
  former = path.join(cache, "warren/engine/0.0.1-built");
  mkdirSync(former, { recursive: true });
  writeFileSync(path.join(former, "pulumi"), "x".repeat(1_000_000));
});

afterEach(() => rmSync(cache, { recursive: true }));

const clean = (...options: string[]) =>
  execa(process.execPath, [path.join(import.meta.dirname, "../cli.ts"), "toolchain", "--clean", ...options], {
    env: { XDG_CACHE_HOME: cache },
    stdin: "ignore",
    reject: false,
  });

test("without a terminal it shows the table and removes nothing without --yes", async () => {
  const { stdout, stderr, exitCode } = await clean();
  expect(stdout).toMatch(/^engines +\S+\/warren\/engine +1\.0 MB +- +- +1\.0 MB$/m);
  expect(stdout).toMatch(/^\S+ \wB can be freed$/m);
  expect(stderr).toContain("there is no terminal to ask on");
  expect(exitCode).toBe(1);
  expect(existsSync(former)).toBe(true);
});

test("--json shows the same as data", async () => {
  const { stdout, exitCode } = await clean("--json");
  const { rows, freeBytes, freedBytes } = JSON.parse(stdout);
  expect(rows[0]).toMatchObject({ what: "engines", inUseBytes: 0, free: [former] });
  expect(freeBytes).toBeGreaterThanOrEqual(1_000_000);
  expect([freedBytes, exitCode]).toEqual([0, 0]);
  expect(existsSync(former)).toBe(true);
});
