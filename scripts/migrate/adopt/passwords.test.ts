import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readPasswords } from "./passwords.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-passwords-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(text: string): string {
  const file = join(folder, "passwords.json");
  writeFileSync(file, text);
  return file;
}

describe("given passwords", () => {
  it("are a JSON object with one key for each user; without a file there are none", async () => {
    expect(await readPasswords(fileOf('{"root": "correct horse"}'))).toEqual({ root: "correct horse" });
    expect(await readPasswords(undefined)).toEqual({});
  });

  it.each(["hunter2", '["hunter2"]', '{"root": ["hunter2"]}'])("are refused without being shown: %s", async (text) => {
    const refused = await readPasswords(fileOf(text)).catch((error: Error) => error);
    expect(String(refused)).toMatch(/is not a list of passwords/);
    expect(`${refused} ${(refused as Error).cause ?? ""}`).not.toContain("hunter2");
  });

  it("are read from the given path, and reported as missing there", async () => {
    await expect(readPasswords(join(folder, "none.json"))).rejects.toThrow(/can't be read: ENOENT/);
  });
});
