import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

/**
 * Gives the tests of one file their own temporary folder, so that left-over folders aren't confused with those of other files' benches.
 * Returns a function that lists the benches' folders there.
 */
export function ownTemporaryFolder(): () => string[] {
  const { TMPDIR: before } = process.env;
  let own: string;
  beforeAll(() => {
    own = mkdtempSync(join(tmpdir(), "warren-own-"));
    process.env.TMPDIR = own;
  });
  afterAll(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(own, { recursive: true, force: true });
  });
  return () => readdirSync(own).filter((name) => name.startsWith("warren-bench-"));
}
