import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fileFault } from "./errors.ts";

it("fileFault says what keeps a person from a file, and leaves other errors alone", () => {
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
      `${below}: has a file above it where a folder is expected (ENOTDIR)\n  remedy: give this user the right to it, or run warren where it has it`,
    );
    expect(fileFault(caught(() => mkdirSync(join(folder, "file"))))?.message).toContain("EEXIST");
    // What a write says names no file.
    expect(fileFault(caught(() => writeFileSync("/dev/full", "x")))?.format()).toMatch(
      /no room left.*\n {2}remedy: make room/,
    );
    // A file that isn't there is somebody's bug, or has a message of its own.
    expect(fileFault(caught(() => readFileSync(join(folder, "nothing"))))).toBeUndefined();
    expect(fileFault(new Error("something"))).toBeUndefined();
    expect(fileFault("text")).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
