import fc from "fast-check";
import { expect, test } from "vitest";
import { formatStamp, parseStamp } from "./stamp.ts";

const secondMs = Date.UTC(2026, 10, 30, 12, 11, 12);

/** sr3 3.3.1, `timeflt2str`: `f"{seconds % 1:.9g}"[1:]` after the second. */
function stampOfSr3(seconds: number): string {
  const fraction = seconds % 1;
  const [mantissa = "", exponent = "0"] = fraction.toExponential(8).split("e");
  const decimals = 8 - Number(exponent);
  const trimmed = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  const text =
    Number(exponent) < -4
      ? `${trimmed(mantissa)}e-${exponent.slice(1).padStart(2, "0")}`
      : trimmed(fraction.toFixed(decimals));
  const iso = new Date(Math.floor(seconds) * 1000).toISOString();
  return iso.slice(0, 19).replace(/[-:]/g, "") + text.slice(1);
}

// Written by sr3 3.3.1 itself, for these numbers of seconds.
const steps = 2 ** -22;
test.each([
  [0, "20261130T121112", 0],
  [0.5, "20261130T121112.5", 500],
  [0.05, "20261130T121112.0499999523", 49],
  [0.00123456, "20261130T121112.0012345314", 1],
  [420 * steps, "20261130T121112.000100135803", 0],
  [419 * steps, "20261130T121112.98973846e-05", 0],
  [42 * steps, "20261130T121112.00135803e-05", 0],
  [steps, "20261130T121112.38418579e-07", 0],
  [1 - steps, "20261130T121112.999999762", 999],
])("sr3's stamp of a fraction of %f s is read: %s", (fraction, text, milliseconds) => {
  expect(stampOfSr3(secondMs / 1000 + fraction)).toBe(text);
  expect(parseStamp(text)).toEqual({ ok: true, value: secondMs + milliseconds });
  expect(parseStamp(text.replace("T", ""))).toEqual({ ok: true, value: secondMs + milliseconds });
});

test("property: whatever time sr3 stamps is read as that time, in whole milliseconds", () => {
  const anyFraction = fc.oneof(
    fc.nat({ max: 2 ** 22 - 1 }).map((count) => count * steps),
    fc.integer({ min: 0, max: 500 }).map((count) => count * steps),
  );
  fc.assert(
    fc.property(fc.integer({ min: 2 ** 30, max: 2 ** 31 }), anyFraction, (second, fraction) => {
      const expected = second * 1000 + Math.floor(fraction * 1000);
      expect(parseStamp(stampOfSr3(second + fraction))).toEqual({ ok: true, value: expected });
    }),
  );
});

test("an exponent alone, when sr3 has cut off the only digit, is read", () => {
  expect(parseStamp("20261130T121112e-05")).toEqual({ ok: true, value: secondMs });
});

test("property: a time that was written is read back", () => {
  fc.assert(
    fc.property(fc.nat({ max: Date.UTC(9999, 11, 31) }), fc.constantFrom("" as const, "T" as const), (timeMs, sign) => {
      const written = formatStamp(timeMs, sign);
      expect(written.ok && parseStamp(written.value)).toEqual({ ok: true, value: timeMs });
    }),
  );
});

test.each([
  ["20261130T121112."],
  ["20261130T121112.5e"],
  ["20261130T121112.5e-04"],
  ["20261130T121112.5e-999"],
  ["20261130T121112.5e+05"],
  [`20261130T121112.${"1".repeat(19)}`],
  ["20261130T1211"],
])("%s is not a time", (text) => {
  expect(parseStamp(text)).toEqual({ ok: false, reason: expect.stringMatching(/^not a time/) });
});

test("the 30th of February is no such time", () => {
  expect(parseStamp("20260230T121112")).toEqual({ ok: false, reason: "no such time: 20260230T121112" });
});
