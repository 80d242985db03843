import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Notifications } from "./notifications.ts";

let folder: string;
let queueDirectory: string;
const place = { directory: "radar", name: "a.gif", tree: "radar", relPath: "radar/a.gif" };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "notifications-"));
  queueDirectory = join(folder, "txq");
  mkdirSync(join(queueDirectory, "3/2026010203"), { recursive: true });
});

afterEach(() => rmSync(folder, { recursive: true }));

const open = () => new Notifications({ queueDirectory, baseUrl: "http://dd1/" });

test("old parts are removed; circular links are not followed", async () => {
  const part = join(queueDirectory, "3/2026010203/.notify-1-1.part");
  writeFileSync(part, "");
  utimesSync(part, 1, 1);
  for (const name of ["a", "b", "c"]) symlinkSync(".", join(queueDirectory, name));
  await open().prepare();
  expect(existsSync(part)).toBe(false);
});

test("a link or a pipe with a part's name is not written to", async () => {
  const notifications = open();
  await notifications.prepare();
  await notifications.write("first", place, { priority: 3 });
  const [hour = ""] = readdirSync(join(queueDirectory, "3")).filter((name) => name !== "2026010203");
  const target = join(folder, "target");
  writeFileSync(target, "as it was");
  symlinkSync(target, join(queueDirectory, "3", hour, `.notify-${process.pid}-2.part`));
  execFileSync("mkfifo", [join(queueDirectory, "3", hour, `.notify-${process.pid}-3.part`)]);
  await notifications.write("second", place, { priority: 3 });
  await notifications.write("third", place, { priority: 3 });
  expect(readFileSync(target, "utf8")).toBe("as it was");
  const urls = ["first", "second", "third"].map((name) => readFileSync(join(queueDirectory, "3", hour, name), "utf8"));
  expect(new Set(urls)).toEqual(new Set(["http://dd1/radar/a.gif"]));
});
