import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";

/**
 * For the tests of one file: a temporary folder of their own, so that what a bench leaves behind is not mistaken for what another file's
 * has at work. Gives the names of the folders that benches have there.
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
