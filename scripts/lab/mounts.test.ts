import { expect, it } from "vitest";
import { unescapeMount } from "./mounts.ts";

it("mount points with blanks are parsed", () => {
  expect(unescapeMount("/home/a\\040b/root")).toBe("/home/a b/root");
});
