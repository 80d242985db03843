import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { progressPrinter } from "./progress.ts";

it("progress without a terminal shows each step's first and last line", () => {
  const stream = new PassThrough();
  const report = progressPrinter(stream as unknown as NodeJS.WriteStream);
  for (const done of [0, 1, 2, 3]) report({ step: "hosts", text: "hosts running:", done, total: 3 });
  expect(String(stream.read())).toBe("lab: hosts running: 0 of 3\nlab: hosts running: 3 of 3\n");
});
