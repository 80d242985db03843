import { expect, it } from "vitest";
import { unescapeMount } from "./mounts.ts";

it("mount points with blanks are read as they are", () => {
  expect(unescapeMount("/home/a\\040b/root")).toBe("/home/a b/root");
});
