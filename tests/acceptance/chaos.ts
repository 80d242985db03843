import { expect, it } from "vitest";
import type { ProductRecord } from "../chaos/evidence.ts";
import { faults as allFaults, type Fault } from "../chaos/faults.ts";
import { formatChaos } from "../chaos/report.ts";
import { runChaos } from "../chaos/run.ts";
import { closeScene, openScene } from "../chaos/scene.ts";
import { note } from "./figures.ts";
import { part } from "./one-lab.ts";
import { lab, stackConfig } from "./subject.ts";

const seed = 4;
/** Lets two cores catch up: after a fault an unconfirmed product costs pullers several times as much as another one. */
const perSecond = 30;
/** No round begins after this; each fault of a stack's set once takes about three minutes on two idle cores. */
const roundsWithinMs = 600_000;
const testWithinMs = 960_000;
/** By then it is broken off, so that it ends in order, with its counts, and what comes after it meets no fault of it. */
const brokenOffAfterMs = 780_000;
/** Left to `./warren chaos`: a broker takes two minutes to be itself again after a full disk, and packets lost make nothing but delays. */
const leftOut: readonly string[] = ["disk-full", "line-loss", "broker-member-killed"];

/** What a stack can't promise, and why, and what of it another one shows. */
interface Limits {
  /** Faults that are made in the other stack's acceptance: of them little depends on the broker's generation, and that has tests of its own. */
  readonly madeElsewhere?: readonly string[];
  /** After these, products may be dispatched twice: a cluster that heals itself throws away what one side has confirmed. */
  readonly mayRepeatAfter?: readonly string[];
  /** Products may be delivered twice, which is noted: two halves of a mirrored pair give out the same message, each for the first time. */
  readonly mayDeliverTwice?: boolean;
}

/** Faults of many kinds while products flow: what `./warren chaos` does, each fault once. Doesn't prove what it leaves out. */
export function chaos({ mayRepeatAfter = [], mayDeliverTwice = false, madeElsewhere = [] }: Limits = {}): void {
  part("while products flow and one thing after the other breaks", () => {
    it(
      mayDeliverTwice
        ? "every product arrives, and none is dispatched twice"
        : "every product arrives, and none is dispatched or delivered twice",
      async () => {
        const scene = await openScene(lab, await stackConfig());
        try {
          const faults = allFaults.filter(
            ({ name, unfit }) => ![...leftOut, ...madeElsewhere].includes(name) && unfit?.(scene) === undefined,
          );
          const result = await runChaos({
            ...{ scene, faults, seed, rounds: faults.length, durationMs: roundsWithinMs },
            ratePerSecond: perSecond,
            signal: AbortSignal.timeout(brokenOffAfterMs),
            say: (text) => process.stderr.write(`${text}\n`),
          });
          process.stderr.write(formatChaos(result, { faults: allFaults, notDone: {}, color: false }));
          noteFigures(faults, result);
          const { account, rounds } = result;
          const again = account.findings.filter(
            ({ record, round, kind }) =>
              kind === "repeated" && dispatches(record) > 1 && !mayRepeatAfter.includes(round?.fault ?? ""),
          );
          expect(again).toEqual([]);
          const twice = account.findings.filter(({ record }) => deliveries(record) > 1);
          if (!mayDeliverTwice) expect(twice).toEqual([]);
          expect({ lost: account.lost, wrong: account.wrong }).toEqual({ lost: 0, wrong: 0 });
          const notWhole = rounds.filter(({ missing }) => missing !== undefined);
          expect(notWhole.map(({ fault, missing, notes }) => [fault, missing, ...notes].join("\n"))).toEqual([]);
          expect(rounds.map(({ fault }) => fault).toSorted()).toEqual(faults.map(({ name }) => name).toSorted());
        } finally {
          closeScene(scene);
        }
      },
      testWithinMs,
    );
  });
}

/** Publishes of a product. One that is not in hand any more came again long after. */
const dispatches = (record: ProductRecord | undefined): number => record?.dispatched.length ?? 2;

/** Files of a product, on all hosts. */
const deliveries = (record: ProductRecord | undefined): number => record?.delivered.length ?? 0;

function noteFigures(faults: readonly Fault[], { account, rounds }: Awaited<ReturnType<typeof runChaos>>): void {
  note(`products while ${rounds.length} faults were made: lost`, String(account.lost), "0");
  note("  … dispatched twice", String(account.repeatedAnnounced), "0");
  note("  … delivered twice", String(account.repeatedDelivered), "0");
  note("  … dispatched unconfirmed", String(account.doubted));
  note("  … lost by the broker half way, and made good", String(account.madeGood));
  for (const { name, takeOverWithinMs } of faults) {
    const tookMs = rounds.find(({ fault }) => fault === name)?.takeOverMs;
    if (takeOverWithinMs === undefined || tookMs === undefined) continue;
    note(`  … ${name}: another dispatcher went on after`, `${tookMs} ms`, `${takeOverWithinMs} ms`);
  }
}
