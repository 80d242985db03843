import { afterAll, beforeAll, describe } from "vitest";
import { labDown } from "../../scripts/lab/index.ts";
import { figuresTable } from "./figures.ts";
import { bringSubject, isGivenLab, lab, makeSubject } from "./subject.ts";

/** One lab for all parts of a test file: it is made of bare hosts, and goes when their figures have been shown. A lab that was up before stays. */
export function oneLab(): void {
  beforeAll(bringSubject);
  afterAll(async () => {
    process.stdout.write(figuresTable());
    if (!isGivenLab) await labDown(lab);
  });
}

/** One part of a test file. It finds hosts that run what the stack says, also where it is the only part that runs. */
export function part(name: string, tests: () => void): void {
  describe(name, () => {
    beforeAll(makeSubject);
    tests();
  });
}
