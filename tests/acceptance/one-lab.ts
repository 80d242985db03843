import { afterAll, beforeAll, describe } from "vitest";
import { labDown } from "../../scripts/lab/index.ts";
import { figuresTable } from "./figures.ts";
import { bringSubject, isGivenLab, lab, makeSubject } from "./subject.ts";

/** One lab for all parts of a test file: made of bare hosts, and removed after their figures are printed. A lab that was already up stays. */
export function oneLab(): void {
  beforeAll(bringSubject);
  afterAll(async () => {
    process.stdout.write(figuresTable());
    if (!isGivenLab) await labDown(lab);
  });
}

/** One part of a test file. It starts with hosts after `up`, even if no other part runs. */
export function part(name: string, tests: () => void): void {
  describe(name, () => {
    beforeAll(makeSubject);
    tests();
  });
}
