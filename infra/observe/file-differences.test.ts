import { expect, it } from "vitest";
import { linesBetween, readContents } from "./file-differences.ts";

const lines = (found: string | Buffer, wanted: string | Buffer) =>
  linesBetween(Buffer.from(found), Buffer.from(wanted));

it("compares text line by line, with a little of what is around", () => {
  const numbers = Array.from({ length: 20 }, (_, at) => `${at}\n`);
  expect(lines(numbers.join(""), numbers.with(10, "ten\n").join(""))).toEqual([
    ...["@@ -9,5 +9,5 @@", " 8", " 9", "-10", "+ten", " 11", " 12"],
  ]);
});

it("shows that a last line has no end", () => {
  expect(lines("a", "a\n")).toEqual(["@@ -1,1 +1,1 @@", "-a", "\\ No newline at end of file", "+a"]);
});

it("shows size and digest of what is no text, and only that a file is large", () => {
  const [binary, large] = lines(Buffer.from([0, 1]), "x".repeat(70_000));
  expect(binary).toBe("- 2 bytes, sha256 b413f47d13ee…");
  expect(large).toBe("+ more than 65536 bytes");
});

it("shows only sizes of texts that have hardly a line in common, instead of comparing them for a minute", () => {
  const numbers = (prefix: string) => Array.from({ length: 10_000 }, (_, at) => `${prefix}${at}\n`).join("");
  expect(lines(numbers("a"), numbers("b"))).toEqual([
    expect.stringMatching(/^- 58890 bytes, sha256 /),
    expect.stringMatching(/^\+ 58890 bytes, sha256 /),
  ]);
});

it("refuses an answer that breaks off", () => {
  expect(readContents("aGFsZg==\n")).toBeUndefined();
});
