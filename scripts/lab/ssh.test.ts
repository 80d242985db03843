import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { quote } from "./ssh.ts";

it("every argument reaches the other side as it is, whatever is in it", () => {
  const word = fc.string({ unit: "binary", maxLength: 20 }).filter((text) => !/[\0\uD800-\uDFFF]/.test(text));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
      const script = ["printf", "%s\\0", ...words].map(quote).join(" ");
      expect(execFileSync("/bin/sh", ["-c", script]).toString()).toBe(words.map((each) => `${each}\0`).join(""));
    }),
    { numRuns: 60 },
  );
});

it("an argument that needs no quotes is left readable", () => {
  expect(["ls", "-l", "/apps/px/db", "a b", "$HOME", ""].map(quote).join(" ")).toBe(
    "ls -l /apps/px/db 'a b' '$HOME' ''",
  );
});
