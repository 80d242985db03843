import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { scanQueue } from "./queue-folder.ts";
import { openQueued } from "./queued-source.ts";
import { productFacts, readQueued } from "./read-file.ts";

let folder: string;
let root: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "read-file-"));
  root = join(folder, "root");
  mkdirSync(join(root, "inner"), { recursive: true });
  writeFileSync(join(root, "inner/a"), "content");
  writeFileSync(join(folder, "secret"), "secret");
});

afterEach(() => rmSync(folder, { recursive: true }));

test("a product is read, also through links that stay in its folder, and its md5 is that of its content", async () => {
  symlinkSync("inner", join(root, "link"));
  const facts = { sizeBytes: 7, md5: "9a0364b9e99bb480dd25e1f0284c8555" };
  expect(await productFacts(root, "inner/a")).toEqual({ ok: true, value: facts });
  expect(await productFacts(root, "link/a")).toEqual({ ok: true, value: facts });
});

test.each([
  ["a link out of it", () => symlinkSync("../secret", join(root, "x")), /is outside its folder/],
  ["a link to a device without end", () => symlinkSync("/dev/zero", join(root, "x")), /is outside its folder/],
  ["a pipe", () => execFileSync("mkfifo", [join(root, "x")]), /is not a regular file/],
  ["a folder", () => mkdirSync(join(root, "x")), /is not a regular file/],
  ["nothing", () => {}, /can't be read here: ENOENT/],
  [
    "a file of many terabytes without content",
    () => {
      writeFileSync(join(root, "x"), "");
      truncateSync(join(root, "x"), 8 * 1024 ** 4);
    },
    /has more than/,
  ],
])("%s in its place is rejected at once", async (_, make, reason) => {
  make();
  expect(await productFacts(root, "x")).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
});

test("a queued file whose folder was replaced by a link is gone", async () => {
  const rules = { settleMs: 0, emptySettleMs: 0, fileBytesMax: 100 };
  renameSync(join(root, "inner"), join(folder, "outside"));
  symlinkSync(join(folder, "outside"), join(root, "inner"));
  const [outside] = (await scanQueue(join(folder, "outside"), rules, Date.now())).files;
  if (!outside) throw new Error("nothing was found");
  const asQueued = { ...outside, path: join(root, "inner/a") };
  expect(await readQueued(asQueued, root)).toEqual({ kind: "gone" });
  expect(openQueued(asQueued, root)).toEqual({ kind: "gone" });
});

test("a queue that is itself a link is read", async () => {
  symlinkSync(root, join(folder, "queue"));
  const rules = { settleMs: 0, emptySettleMs: 0, fileBytesMax: 100 };
  const [file] = (await scanQueue(join(folder, "queue"), rules, Date.now())).files;
  if (!file) throw new Error("nothing was found");
  expect(await readQueued(file, join(folder, "queue"))).toMatchObject({ kind: "content" });
});
