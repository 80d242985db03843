import { describe, expect, it } from "vitest";
import { faults as allFaults, type Fault } from "../../chaos/faults.ts";
import { formatChaos } from "../../chaos/report.ts";
import { runChaos } from "../../chaos/run.ts";
import { closeScene, openScene } from "../../chaos/scene.ts";
import { note } from "./figures.ts";
import { lab, stackConfig } from "./subject.ts";

const seed = 4;
const perSecond = 50;
/** Each fault once takes about four minutes on two idle cores. */
const roundsWithinMs = 300_000;
const testWithinMs = 600_000;

/** What a stack can't promise, and why. */
interface Limits {
  /** After these, products may come twice: a cluster that heals itself throws away what one side has confirmed. */
  readonly mayRepeatAfter?: readonly string[];
  /** Faults that are left to `./warren chaos`. */
  readonly without?: readonly string[];
}

/** Faults of every kind while products flow: what `./warren chaos` does, each fault once. Doesn't prove what it leaves out. */
export function chaos({ mayRepeatAfter = [], without = [] }: Limits = {}): void {
  describe("while products flow and one thing after the other breaks", () => {
    it(
      "every product arrives, and arrives once",
      async () => {
        const scene = await openScene(lab, await stackConfig());
        try {
          const faults = allFaults.filter(
            (fault) => !without.includes(fault.name) && fault.unfit?.(scene) === undefined,
          );
          const result = await runChaos({
            ...{ scene, faults, seed, rounds: faults.length, durationMs: roundsWithinMs },
            ratePerSecond: perSecond,
            signal: AbortSignal.timeout(testWithinMs),
            say: (text) => process.stderr.write(`${text}\n`),
          });
          process.stderr.write(formatChaos(result, { faults: allFaults, notDone: {}, color: false }));
          noteFigures(faults, result);
          const { account, rounds } = result;
          const unexpected = account.findings.filter(
            ({ kind, round }) => kind !== "repeated" || !mayRepeatAfter.includes(round?.fault ?? ""),
          );
          expect(unexpected).toEqual([]);
          expect(account.lost).toBe(0);
          expect(rounds.filter(({ missing }) => missing !== undefined)).toEqual([]);
          expect(rounds.map(({ fault }) => fault).toSorted()).toEqual(faults.map(({ name }) => name).toSorted());
        } finally {
          closeScene(scene);
        }
      },
      testWithinMs,
    );
  });
}

function noteFigures(faults: readonly Fault[], { account, rounds }: Awaited<ReturnType<typeof runChaos>>): void {
  note(`products while ${rounds.length} faults were made: lost`, String(account.lost), "0");
  note("  … repeated", String(account.repeated), "0");
  for (const { name, takeOverWithinMs } of faults) {
    const tookMs = rounds.find(({ fault }) => fault === name)?.takeOverMs;
    if (takeOverWithinMs === undefined || tookMs === undefined) continue;
    note(`  … ${name}: another dispatcher went on after`, `${tookMs} ms`, `${takeOverWithinMs} ms`);
  }
}
