import { afterAll, beforeAll } from "vitest";
import { labDown } from "../../scripts/lab/index.ts";
import { figuresTable } from "./figures.ts";
import { lab } from "./subject.ts";

/** One lab for all parts of a test file: `bring` makes it, and it goes when their figures have been shown. */
export function oneLab(bring: () => Promise<void>): void {
  beforeAll(bring);
  afterAll(async () => {
    process.stdout.write(figuresTable());
    await labDown(lab);
  });
}
