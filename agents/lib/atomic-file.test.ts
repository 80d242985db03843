import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeAtomic, writeAtomicSync } from "./atomic-file.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "whole-file-"));
  file = join(folder, "state");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe.each([
  ["synced", writeAtomic],
  ["at once", async (...args: Parameters<typeof writeAtomicSync>) => writeAtomicSync(...args)],
])("a file written atomically, %s", (_, write) => {
  it("replaces the previous one, and leaves nothing beside it", async () => {
    await write(file, "one");
    await write(file, "two", { mode: 0o640 });
    expect(readFileSync(file, "utf8")).toBe("two");
    expect(statSync(file).mode & 0o777).toBe(0o640 & ~process.umask());
    expect(readdirSync(folder)).toEqual(["state"]);
  });

  it("is not written through a link under the temporary name, nor into what a killed process left there", async () => {
    const foreign = join(folder, "foreign");
    writeFileSync(foreign, "theirs");
    symlinkSync(foreign, `${file}.new`);
    await write(file, "ours");
    expect(readFileSync(foreign, "utf8")).toBe("theirs");
    writeFileSync(`${file}.new`, "half of what a longer content would have been");
    await write(file, "again");
    expect(readFileSync(file, "utf8")).toBe("again");
    expect(readdirSync(folder).sort()).toEqual(["foreign", "state"]);
  });

  it("replaces a link, and does not write to where that leads", async () => {
    const foreign = join(folder, "foreign");
    writeFileSync(foreign, "theirs");
    symlinkSync(foreign, file);
    await write(file, "ours");
    expect([readFileSync(foreign, "utf8"), readFileSync(file, "utf8")]).toEqual(["theirs", "ours"]);
  });

  it("leaves nothing if it can't be renamed", async () => {
    mkdirSync(join(file, "full"), { recursive: true });
    await expect(write(file, "ours")).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it("rejects with the system's error if there is no folder", async () => {
    await expect(write(join(folder, "none/state"), "ours")).rejects.toMatchObject({ code: "ENOENT" });
  });
});
