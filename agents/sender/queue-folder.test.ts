import { execFileSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { scanQueue } from "./queue-folder.ts";

const rules = { settleMs: 0, emptySettleMs: 0, fileBytesMax: 100 };
const nowMs = Date.UTC(2013, 5, 6, 14, 0, 0);
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "queue-folder-"));
});

afterEach(() => rmSync(root, { recursive: true }));

/** Writes a file that is an hour old, by default. */
function put(path: string, { content = "x", ageMs = 3_600_000 } = {}): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  utimesSync(file, new Date(nowMs - ageMs), new Date(nowMs - ageMs));
  return file;
}

const scan = (own: Partial<typeof rules> = {}) => scanQueue(root, { ...rules, ...own }, nowMs);
const namesOf = async () => (await scan()).files.map(({ path }) => path.slice(root.length + 1));

test("files are sorted by priority, then by time: retransmissions first, files without a priority last", async () => {
  put("3/2013060613/b::20130606130001");
  put("3/2013060613/a::20130606130002");
  put("3/2013060612/c::20130606120000");
  put("0/2013060613/z::20130606135959");
  put("no-priority", { ageMs: 1000 });
  put("earlier", { ageMs: 2000 });
  put("A:B:C:D:1.X::20130606130000");
  expect(await namesOf()).toEqual([
    "0/2013060613/z::20130606135959",
    "A:B:C:D:1.X::20130606130000",
    "3/2013060612/c::20130606120000",
    "3/2013060613/b::20130606130001",
    "3/2013060613/a::20130606130002",
    "earlier",
    "no-priority",
  ]);
});

test("unfinished files, and everything in a folder that starts with a dot, are skipped", async () => {
  put(".x");
  put("3/2013060613/x.tmp");
  put(".aside/1.file");
  put("x");
  expect(await namesOf()).toEqual(["x"]);
});

test("a recently written file waits until it is unchanged for long enough, a link to an old one does not", async () => {
  linkSync(put(".db/product"), join(root, "linked"));
  put("written", { ageMs: 40 });
  const found = await scan({ settleMs: 100 });
  expect(found.files.map(({ name }) => name)).toEqual(["linked"]);
  expect(found.settlingMs).toBeCloseTo(60, 0);
});

test("files that can never be sent are returned with the reason", async () => {
  put("empty", { content: "" });
  put("large", { content: "x".repeat(101) });
  put("line\nbreak");
  symlinkSync("/etc/passwd", join(root, "link"));
  execFileSync("mkfifo", [join(root, "pipe")]);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x66, 0xe9])]), "x");
  const { files, unfit } = await scan();
  expect(files).toEqual([]);
  expect(Object.fromEntries(unfit.map(({ name, reason }) => [name, reason]))).toEqual({
    empty: "it is empty",
    large: "it has 101 bytes, more than fileBytesMax, 100",
    "line\nbreak": "its name has a control character",
    link: "it is not a regular file",
    pipe: "it is not a regular file",
    "f\ufffd": expect.stringContaining("not valid UTF-8"),
  });
});

test("an empty folder of an hour days ago is removed; one of today, or not of an hour, stays", async () => {
  for (const folder of ["3/2013060413", "3/2013060612", "3/other"]) mkdirSync(join(root, folder), { recursive: true });
  put("4/2013060413/x");
  await scan();
  expect(
    ["3/2013060413", "3/2013060612", "3/other", "4/2013060413"].map((name) => existsSync(join(root, name))),
  ).toEqual([false, true, true, true]);
});

test("a missing folder is an error, one that vanishes below it is not", async () => {
  await expect(scanQueue(join(root, "none"), rules, nowMs)).rejects.toThrow("ENOENT");
});

test("a folder that is too deep is reported, and all above it are scanned", async () => {
  put("1/2/3/4/5/6/7/8/9/too-deep");
  put("1/2/3/4/5/6/7/8/last");
  const found = await scan();
  expect(found.files.map(({ name }) => name)).toEqual(["last"]);
  expect(found.unfit).toMatchObject([
    { name: "9", reason: "it is a folder more than 8 levels deep: its files are not sent" },
  ]);
});

test("a time outside years of four digits becomes the nearest one inside", async () => {
  // In memory: disks can't store such times.
  const folder = mkdtempSync("/dev/shm/queue-folder-");
  try {
    for (const [name, time] of [
      ["late", 1e13],
      // Node rejects it as a number.
      ["early", new Date("1950-01-01")],
    ] as const) {
      writeFileSync(join(folder, name), "x");
      utimesSync(join(folder, name), time, time);
    }
    const { files } = await scanQueue(folder, rules, nowMs);
    expect(files.map(({ name, time }) => `${name} ${time}`)).toEqual(["early 19700101000000", "late 99991231235959"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
