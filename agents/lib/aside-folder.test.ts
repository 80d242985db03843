import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AsideFolder } from "./aside-folder.ts";

let folder: string;
let aside: AsideFolder;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "aside-"));
  aside = new AsideFolder(join(folder, ".aside"));
  await aside.prepare(folder);
});

afterEach(() => rmSync(folder, { recursive: true }));

/** What is in it: each file's content with its note. */
function found(): { content: string; note: Record<string, unknown> }[] {
  const ids = readdirSync(aside.directory)
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length));
  return ids.sort().map((id) => ({
    content: readFileSync(join(aside.directory, `${id}.file`), "latin1"),
    note: JSON.parse(readFileSync(join(aside.directory, `${id}.json`), "utf8")),
  }));
}

test("a file moved there gets a note with its name, its reason and the time", async () => {
  writeFileSync(join(folder, "product"), "content");
  await aside.move(join(folder, "product"), { name: "product", reason: "its name is nothing", from: folder });
  expect(readdirSync(folder)).toEqual([".aside"]);
  const note = { name: "product", reason: "its name is nothing", from: folder, at: expect.stringMatching(/^20\d\d-/) };
  expect(found()).toEqual([{ content: "content", note }]);
});

test("files of the same name, and names that are not valid UTF-8, are all kept", async () => {
  const odd = Buffer.from([0x66, 0xff, 0x0a]);
  const path = Buffer.concat([Buffer.from(`${folder}/`), odd]);
  writeFileSync(path, "odd");
  await aside.move(path, { name: odd.toString(), reason: "no text" });
  await aside.keep(Buffer.from("first"), { name: "../x", reason: "leaves the folder" });
  await aside.keep(Buffer.from("second"), { name: "../x", reason: "leaves the folder" });
  expect(found().map(({ content }) => content)).toEqual(["odd", "first", "second"]);
});

test("a file that can't be moved stays where it is, without a note", async () => {
  await expect(aside.move(join(folder, "none"), { name: "none", reason: "r" })).rejects.toThrow("ENOENT");
  expect(readdirSync(aside.directory)).toEqual([]);
});

test("a folder on another file system, and a file in its place, stop the start with a remedy", async () => {
  writeFileSync(join(folder, "file"), "");
  await expect(new AsideFolder(join(folder, "file")).prepare(folder)).rejects.toThrow("can't be used");
  await expect(new AsideFolder(aside.directory).prepare("/proc")).rejects.toThrow("another file system");
});
