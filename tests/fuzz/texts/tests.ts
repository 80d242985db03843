import { expect, test } from "vitest";
import { textSubjects } from "./subjects.ts";

/** A stack file takes two hundredths of a second to read and to check, twenty times what another text takes. */
const costs: Readonly<Record<string, number>> = { stack: 20 };

/** One test for each subject and seed; of what costs more fewer texts are read. */
export function testTexts(seeds: readonly number[], inputs: number): void {
  const runs = seeds.flatMap((seed) =>
    textSubjects.map((subject) => ({ ...subject, seed, count: Math.ceil(inputs / (costs[subject.name] ?? 1)) })),
  );
  test.each(runs)(
    "$name: $count hostile texts of seed $seed are taken, or refused in words",
    { timeout: 300_000 },
    async ({ run, seed, count }) => {
      const report = await run({ seed, count, signal: new AbortController().signal, progress: () => {} });
      expect(report.findings).toEqual([]);
    },
  );
}
