import fc from "fast-check";
import { expect, test } from "vitest";
import { placeOf } from "./place.ts";
import { fillTemplate, templateFault } from "./template.ts";

const part = (name: string) => `\${${name}}`;
const product = "201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144709";
const bulletin = "SACN43_CWAO_012000_CYOJ_41613:ncp1:CWAO:SA:3:Direct:20050201200339";

function place(name: string, rule: object, captures: string[] = [], root = "") {
  const file = { path: name, name, priority: 3, time: "", sizeBytes: 1, modifiedMs: 0, identity: "i" };
  const rules = [{ accept: "a" }, { accept: "b", ...rule }, { accept: "b", directory: "never" }];
  return placeOf({ file, pattern: "b", captures, again: false }, { rules, root });
}

test("the accepting rule decides the directory; the name is the part before the first colon, as in Sundew", () => {
  const directory = `radar/24_HR_ACCUM/GIF/${part("0")}`;
  expect(place(product, { directory }, ["XSS"], "/apps/dd")).toEqual({
    ok: true,
    value: {
      directory: "/apps/dd/radar/24_HR_ACCUM/GIF/XSS",
      name: "201306061440_XSS_24_HR_ACCUM_MM.gif",
      tree: "radar/24_HR_ACCUM/GIF/XSS",
      relPath: "radar/24_HR_ACCUM/GIF/XSS/201306061440_XSS_24_HR_ACCUM_MM.gif",
    },
  });
  expect(place(product, {})).toMatchObject({ ok: true, value: { directory: "", tree: "" } });
});

test.each([
  ["WHATFN", product, "201306061440_XSS_24_HR_ACCUM_MM.gif"],
  ["HEADFN", bulletin, "SACN43_CWAO"],
  ["NONE", product, "201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF"],
  ["NONE", bulletin, "SACN43_CWAO_012000_CYOJ_41613:ncp1:CWAO:SA:3:Direct"],
  ["STAMP", product, "20130606144709"],
  ["NAME", bulletin, bulletin],
  ["CCCC", bulletin, "CWAO"],
])("%s of %s is %s", (name, of, value) => {
  expect(fillTemplate(part(name), of, [])).toEqual({ ok: true, value });
});

test.each([
  ["/abs", "directory", "is absolute"],
  ["a/../b", "directory", '"." or ".."'],
  [`a/${part("1")}`, "directory", "capture 2"],
  [part("XX"), "directory", "neither a capture nor one of"],
  ["a/b", "fileName", "has a slash"],
] as const)("%s as a %s is rejected: %s", (template, key, message) => {
  expect(templateFault(template, "(.*)", key)).toContain(message);
});

test("a name that lacks a part, or would leave the directory, has no place", () => {
  expect(place("x", { directory: part("CCCC") })).toEqual({ ok: false, reason: expect.stringContaining("CCCC") });
  expect(place("x", { directory: part("0") }, [".."])).toEqual({ ok: false, reason: expect.stringContaining("..") });
  expect(place(":x", {})).toEqual({ ok: false, reason: 'its name on the server would be ""' });
  expect(place("..:x", {})).toMatchObject({ ok: false });
  expect(place("x", { directory: part("0") }, ["é".repeat(128)])).toMatchObject({ ok: false });
});

test("whatever a pattern captures, the place is below root", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "/", ".", "é", "\0", " "), maxLength: 8 });
  fc.assert(
    fc.property(word, word, (capture, name) => {
      const made = place(`${name}:x`, { directory: `in/${part("0")}` }, [capture], "/root");
      if (!made.ok) return;
      const words = `${made.value.directory}/${made.value.name}`.split("/").slice(1);
      expect(words.slice(0, 2)).toEqual(["root", "in"]);
      for (const each of words) expect(["", ".", ".."]).not.toContain(each);
    }),
  );
});
