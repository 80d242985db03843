import { expect, it } from "vitest";
import { printable, printableBytes, printableLine } from "./foreign.ts";

it.each([
  ["a terminal's escape", "a\u001b[31mb", "a\\x1b[31mb"],
  ["lines", "a\r\nb\tc", "a\\x0d\\nb\\tc"],
  ["eight-bit controls, and DEL", "\u009b2J\u007f", "\\x9b2J\\x7f"],
  ["the direction of writing", "a\u202eb\u2066", "a\\u202eb\\u2066"],
  ["line separators", "a\u2028b", "a\\u2028b"],
  ["characters without width, also beyond the first plane", "a\u200bb\u{e0041}", "a\\u200bb\\u{e0041}"],
  ["half a character", "a\ud800", "a\\ud800"],
])("writes out %s", (_, text, shown) => {
  expect(printableLine(text)).toBe(shown);
});

it("leaves other letters as they are, and cuts a text that is too long", () => {
  expect(printableLine("précipité 雨量")).toBe("précipité 雨量");
  expect(printableLine("abcdef", 3)).toBe("abc…");
});

it("shows bytes that are not valid UTF-8 as numbers, and a text cut within a character up to there", () => {
  expect(printableBytes(Buffer.from([0, 1, 0x80, 0x9b, 65]), 10)).toBe("\\x00\\x01\\x80\\x9bA");
  expect(printableBytes(Buffer.from("aé"), 2)).toBe("a…");
});

it("keeps lines and tabs of a multi-line text, and escapes everything else that controls a terminal", () => {
  expect(printable("a\r\n\tb\u001b[2J\u202e")).toBe("a\\x0d\n\tb\\x1b[2J\\u202e");
});
