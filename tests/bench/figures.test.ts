import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { withSection } from "./figures-verb.ts";

const page = readFileSync(new URL("../../docs/figures.md", import.meta.url), "utf8");
const chain = "./warren bench chain --beside sr3";
const watch = "./warren bench watch";

test("a command's table replaces its last one, in the commands' order, and the rest of the page stays", () => {
  const both = withSection(withSection(page, watch, "w1 $& 1", "there"), chain, "c1", "here");
  const again = withSection(both, watch, "w2", "elsewhere");
  const tables = [...again.matchAll(/### `(.+)`\n\n(.+)\n\n```text\n(\S+)\n```/g)].map((found) => found.slice(1));
  expect(tables).toEqual(
    expect.arrayContaining([
      [chain, "here", "c1"],
      [watch, "elsewhere", "w2"],
    ]),
  );
  expect(again.indexOf("c1")).toBeLessThan(again.indexOf("w2"));
  expect(both).toContain("w1 $& 1");
  expect(again).not.toContain("w1");
  const [before, after] = page.split(/<!-- tables.*<!-- end of the tables -->/s);
  expect(again.startsWith(before ?? "?")).toBe(true);
  expect(again.endsWith(after ?? "?")).toBe(true);
});
