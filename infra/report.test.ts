import { expect, it } from "vitest";
import { fileTexts } from "./report.ts";

const difference = (path: string, length: number) => ({
  ...{ hosts: ["pds-1", "pds-2"], path },
  lines: Array.from({ length }, (_, at) => `+${at}`),
});

it("shows a screenful of differences, and names the other files", () => {
  const texts = fileTexts([difference("/a", 2), difference("/b", 3), difference("/c", 1)], 4);
  expect(texts).toEqual([
    "pds-1, pds-2: /a, the host's lines (-) and the stack's (+):\n  +0\n  +1",
    "pds-1, pds-2: /b, the host's lines (-) and the stack's (+):\n  +0\n  +1\n  … more lines: 1; `--full` shows them",
    "more files that differ; `--full` shows how:\n  pds-1, pds-2: /c",
  ]);
});

it("shows everything where there is no limit", () => {
  expect(fileTexts([difference("/a", 100)], Number.POSITIVE_INFINITY)[0]?.split("\n")).toHaveLength(101);
});
