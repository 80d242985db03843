import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { factsOf } from "../lib/scan.ts";
import { digestFile } from "./digest.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "watcher-digest-"));
  path = join(folder, "a");
});
afterEach(() => rmSync(folder, { recursive: true }));

const facts = () => factsOf(lstatSync(path));

test.each([0, 1, 64 * 1024, 64 * 1024 + 1, 1_000_000])("the md5 of %i bytes is that of the content", async (size) => {
  const content = Buffer.alloc(size, "abc");
  writeFileSync(path, content);
  const md5 = createHash("md5").update(content).digest("hex");
  expect(await digestFile(path, facts(), folder)).toEqual({ kind: "complete", md5 });
});

test.each([0, 3069, 3070, 64 * 1024 + 1])(
  "the sha512 of %i bytes, and the content of a small file, if wanted",
  async (size) => {
    const content = Buffer.alloc(size, "abc");
    writeFileSync(path, content);
    const digest = (method: string) => createHash(method).update(content).digest("hex");
    const both = { kind: "complete", md5: digest("md5"), sha512: digest("sha512") };
    expect(await digestFile(path, facts(), folder, { sha512: true, content: false })).toEqual(both);
    const kept = size > 3069 ? both : { ...both, content };
    expect(await digestFile(path, facts(), folder, { sha512: true, content: true })).toEqual(kept);
  },
);

test.each([10, 200_000])("a file of %i bytes that is not the inspected one has changed", async (size) => {
  writeFileSync(path, Buffer.alloc(size));
  const before = facts();
  appendFileSync(path, "x");
  expect(await digestFile(path, before, folder)).toEqual({ kind: "changed" });
  writeFileSync(`${path}.new`, Buffer.alloc(size));
  renameSync(`${path}.new`, path);
  expect(await digestFile(path, before, folder)).toEqual({ kind: "changed" });
});

test("a large file that grows while it is being read has changed", async () => {
  writeFileSync(path, Buffer.alloc(5_000_000));
  const reading = digestFile(path, facts(), folder);
  appendFileSync(path, "x");
  expect(await reading).toEqual({ kind: "changed" });
});

test("a link in its place is not followed, and a pipe is not waited for", async () => {
  writeFileSync(path, "x");
  const before = facts();
  rmSync(path);
  symlinkSync("/etc/passwd", path);
  expect(await digestFile(path, before, folder)).toEqual({ kind: "changed" });
  rmSync(path);
  execFileSync("mkfifo", [path]);
  expect(await digestFile(path, before, folder)).toEqual({ kind: "changed" });
});

test("a missing file is gone, and an unreadable one has a reason", async () => {
  writeFileSync(path, "x");
  const before = facts();
  expect(await digestFile(join(folder, "b"), before, folder)).toEqual({ kind: "gone" });
  rmSync(path);
  mkdirSync(path);
  expect((await digestFile(path, before, folder)).kind).toBe("changed");
  expect(await digestFile("\0", before, folder)).toMatchObject({
    kind: "unreadable",
    error: { code: "ERR_INVALID_ARG_VALUE" },
  });
});

test.each([10, 200_000])(
  "a file of %i bytes behind a link that took its folder's place is another folder's",
  async (size) => {
    const [inner, outside] = [join(folder, "inner"), mkdtempSync(join(tmpdir(), "digest-outside-"))];
    try {
      writeFileSync(join(outside, "a"), Buffer.alloc(size));
      symlinkSync(outside, inner);
      const there = factsOf(lstatSync(join(inner, "a")));
      expect(await digestFile(join(inner, "a"), there, folder)).toEqual({ kind: "gone" });
      expect(await digestFile(join(inner, "a"), there, inner)).toMatchObject({ kind: "complete" });
    } finally {
      rmSync(outside, { recursive: true });
    }
  },
);
