import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fileFault } from "./errors.ts";

it("fileFault explains why a person can't access a file, and ignores other errors", () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-errors-"));
  const caught = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      return error;
    }
    throw new Error("nothing was thrown");
  };
  try {
    writeFileSync(join(folder, "file"), "");
    const below = join(folder, "file", "below");
    expect(fileFault(caught(() => writeFileSync(below, "")))?.format()).toBe(
      `${below}: has a file in its path where a folder is expected (ENOTDIR)\n  remedy: give this user access to it, or run warren where it has access`,
    );
    expect(fileFault(caught(() => mkdirSync(join(folder, "file"))))?.message).toContain("EEXIST");
    // A write error names no file.
    expect(fileFault(caught(() => writeFileSync("/dev/full", "x")))?.format()).toMatch(
      /no space left.*\n {2}remedy: make room/,
    );
    // A missing file is a bug, or has a message of its own.
    expect(fileFault(caught(() => readFileSync(join(folder, "nothing"))))).toBeUndefined();
    expect(fileFault(new Error("something"))).toBeUndefined();
    expect(fileFault("text")).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
