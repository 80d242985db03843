import fc from "fast-check";
import { expect, test } from "vitest";
import { routingKeyBytesMax } from "../lib/topics.ts";
import { formatKey, keyFault } from "./exchange-key.ts";

// The templates look like template strings: that is their syntax.
const first = "$".concat("{0}");
const part = (name: string) => `\${${name}}`;
const bulletin = "SACN43_CWAO_012000_CYOJ_41613:ncp1:CWAO:SA:3.A.I.E::20050201200339";

test("the first capture keeps its dots, which separate the folders of a tree", () => {
  const key = formatKey(`exp.dd.notify.${first}`, "x", ["radar.24_HR_ACCUM.GIF.XSS"]);
  expect(key).toEqual({ ok: true, value: "exp.dd.notify.radar.24_HR_ACCUM.GIF.XSS" });
});

test("parts of the name, several in one word, with text around them", () => {
  const key = formatKey(`v.${part("T1")}${part("T2")}.x${part("CCCC")}y.${part("RHH")}`, bulletin, []);
  expect(key).toEqual({ ok: true, value: "v.SA.xCWAOy.20" });
});

test("empty words of the template and trailing dots are dropped, as in Sundew", () => {
  expect(formatKey(`a..b.${first}`, "x", [""])).toEqual({ ok: true, value: "a.b" });
  expect(formatKey("", "x", [])).toEqual({ ok: true, value: "" });
});

test("wildcards of bindings are escaped", () => {
  expect(formatKey(first, "x", ["a*.#.50%"])).toEqual({ ok: true, value: "a%2A.%23.50%25" });
});

test("a name without a part that the key needs has no key, and the reason names the part", () => {
  expect(formatKey(part("CCCC"), "name", [])).toEqual({ ok: false, reason: expect.stringContaining("CCCC") });
});

test.each([
  [part("1"), 1, "capture 2"],
  [first, 0, "no pattern accepts"],
  [part("DD"), 1, "neither a capture nor one of T1"],
  ["a.$b", 1, '"$" that starts no'],
  ["a\n", 1, "control character"],
])("%j can't be a key of %i captures: %s", (template, captures, message) => {
  expect(keyFault(template, captures)).toContain(message);
});

test("no capture makes a key that is longer than 255 bytes, has control characters or wildcards, or loses a word", () => {
  const character = fc.constantFrom(..."aZ09 é€ü𝒳*#%.:/$}{", "\0", "\n", "\u007f");
  const capture = fc.string({ unit: character, maxLength: 300 });
  fc.assert(
    fc.property(capture, (text) => {
      const key = formatKey(`exp.${first}.end`, "x", [text]);
      if (!key.ok) return /bytes|control/.test(key.reason);
      expect(Buffer.byteLength(key.value)).toBeLessThanOrEqual(routingKeyBytesMax);
      expect(key.value).not.toMatch(/[*#\n]/);
      const words = key.value.split(".").slice(1, -1);
      expect(
        words.map((word) => word.replace(/%(2A|23|25)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))),
      ).toEqual(text.split("."));
      return true;
    }),
  );
});
