import { describe, expect, it } from "vitest";
import { splitWords } from "./split-words.ts";

describe("lab exec", () => {
  it("reads hosts before the two hyphens, and the command with its options after them", () => {
    const argv = ["node", "cli.ts", "lab", "exec", "--name", "x", "urp-1", "urp-2", "--", "ls", "-l", "--", "exec"];
    expect(splitWords("exec", argv, "")).toEqual([
      ["urp-1", "urp-2"],
      ["ls", "-l", "--", "exec"],
    ]);
  });

  it.each([
    ["urp-1", "uptime"],
    ["--", "uptime"],
    ["urp-1", "--"],
  ])("refuses `%s %s` with an example", (...words) =>
    expect(() => splitWords("exec", ["lab", "exec", ...words], "like this")).toThrow(/expected arguments/),
  );
});
