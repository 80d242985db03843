import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { scan } from "./scan.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "scan-"));
  mkdirSync(join(root, "a/b"), { recursive: true });
  mkdirSync(join(root, ".work"));
  for (const path of ["x", "a/y", "a/b/z é", ".work/w"]) writeFileSync(join(root, path), "x");
});

afterEach(() => rmSync(root, { recursive: true }));

const visible = (path: string) => !path.startsWith(".");

test("all files below are found with their folders; unwanted folders are not even read", async () => {
  const found = await scan(root, "", { wanted: visible, changedSinceMs: 0 });
  expect(found.files.map(({ path }) => path).sort()).toEqual(["a/b/z é", "a/y", "x"]);
  expect(found.folders.map(({ path }) => path)).toEqual(["", "a", "a/b"]);
  expect(found.folders[2]?.inode).toBe(statSync(join(root, "a/b"), { bigint: true }).ino);
});

test("a part of the tree can be scanned alone", async () => {
  const found = await scan(root, "a/b", { wanted: visible, changedSinceMs: 0 });
  expect(found.files.map(({ path }) => path)).toEqual(["a/b/z é"]);
});

test("the window counts from when a file got its name, not from a time that was set on it", async () => {
  utimesSync(join(root, "x"), 1, 1);
  const { ctimeMs } = statSync(join(root, "x"));
  const since = async (changedSinceMs: number) =>
    (await scan(root, "", { wanted: visible, changedSinceMs })).files.map(({ path }) => path);
  expect(await since(ctimeMs)).toContain("x");
  expect(await since(ctimeMs + 1)).toEqual([]);
});

test("symbolic links are not followed, and a folder that is gone is empty", async () => {
  symlinkSync(root, join(root, "loop"));
  const found = await scan(root, "", { wanted: visible, changedSinceMs: 0 });
  expect(found.files).toHaveLength(3);
  expect(await scan(root, "gone", { wanted: visible, changedSinceMs: 0 })).toMatchObject({ files: [], folders: [] });
});

test("names that are not valid UTF-8 are listed separately", async () => {
  writeFileSync(Buffer.concat([Buffer.from(`${root}/a/bad-`), Buffer.from([0xff])]), "x");
  const found = await scan(root, "", { wanted: visible, changedSinceMs: 0 });
  expect(found.undecodable).toEqual(["a/bad-�"]);
  expect(found.files).toHaveLength(3);
});

test("what is neither file nor folder is counted, and a folder too deep to announce keeps nothing else from being found", async () => {
  symlinkSync("/etc/passwd", join(root, "link"));
  const deep = Array.from({ length: 6 }, () => "d".repeat(200)).join("/");
  mkdirSync(join(root, deep), { recursive: true });
  const found = await scan(root, "", { wanted: visible, changedSinceMs: 0 });
  expect(found.files).toHaveLength(3);
  expect(found.irregularCount).toBe(1);
  expect(found.tooDeep).toEqual([deep]);
  expect(found.unreadable).toMatchObject([{ path: deep, reason: expect.stringContaining("more than 1024 bytes") }]);
});
