import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, expect, test } from "vitest";

const project = path.join(import.meta.dirname, "../..");

let folder: string;
let page: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warren-figures-"));
  page = path.join(folder, "page.md");
  copyFileSync(path.join(project, "docs/figures.md"), page);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const figures = (...words: string[]) =>
  execa(path.join(project, "warren"), ["bench", "figures", "--into", page, ...words], { reject: false });

test("the chosen bench runs, and its table is on the page", async () => {
  const { exitCode, stdout } = await figures("--quick", "--only", "watch");
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining("./warren bench watch")]);
  expect(readFileSync(page, "utf8")).toMatch(/### `\.\/warren bench watch`\n\n\d{4}-.*\n\n```text\nRabbitMQ [^`]*```/);
});

test("a page without a place for tables and a bench that does not exist are refused before anything runs", async () => {
  writeFileSync(page, "# Nothing\n");
  const noPlace = await figures("--quick");
  expect([noPlace.exitCode, noPlace.stderr]).toEqual([1, expect.stringContaining("has no lines")]);
  const unknown = await figures("--only", "watch,chains");
  expect([unknown.exitCode, unknown.stderr]).toEqual([2, expect.stringContaining("chains is not one of")]);
});
