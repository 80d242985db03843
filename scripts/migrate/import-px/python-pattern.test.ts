import { expect, test } from "vitest";
import { globToPattern, toPattern } from "./python-pattern.ts";

test.each([
  ["^(.*)\\+\\+.*", "^(.*)\\+\\+.*"],
  ["^ensemble.naefs.grib2.raw.*", "^ensemble.naefs.grib2.raw.*"],
  [".*\\:GIF\\:.*", ".*:GIF:.*"],
  ["\\AA\\-B_\\_\\Z", "^A-B__$"],
  ["a{2}b{,3}c{d}", "a{2}b{0,3}c\\{d\\}"],
  ["x]", "x\\]"],
  ["[]a-z]+[^]b]", "[\\]a-z]+[^\\]b]"],
  ["[\\w\\.\\:\\-]", "[\\w.:\\-]"],
  ["(?P<site>CW..)_(?P=site)", "(?<site>CW..)_\\k<site>"],
  ["(?:a|b)(?=c)(?!d)(?<=e)(?<!f)", "(?:a|b)(?=c)(?!d)(?<=e)(?<!f)"],
  ["(?i)gif", "(?i:gif)"],
  ["a\\x41\\d\\1", "a\\x41\\d\\1"],
])("%s becomes %s", (python, pattern) => {
  const made = toPattern(python === "a\\x41\\d\\1" ? `(.)${python}` : python);
  expect(made).toEqual({ ok: true, value: python === "a\\x41\\d\\1" ? `(.)${pattern}` : pattern });
});

test.each([
  ["(", "is not a regular expression"],
  ["a(?#remark)", "(?# has no equivalent here"],
  ["(a)?(?(1)b|c)", "(?( has no equivalent here"],
  ["(?L)a", "(?L) has no equivalent here"],
  ["*", "is not a regular expression"],
])("%s is refused with the reason", (python, reason) => {
  const made = toPattern(python);
  expect(made.ok ? made.value : made.reason).toContain(reason);
});

test.each([
  ["*:URP:*", "^.*:URP:.*$"],
  ["SA?N[0-9].[!x]", "^SA.N[0-9]\\.[^x]$"],
  ["a+(b)", "^a\\+\\(b\\)$"],
])("the mask %s becomes %s", (glob, pattern) => {
  expect(globToPattern(glob)).toEqual({ ok: true, value: pattern });
});
