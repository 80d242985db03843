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
/** Slow enough for two cores: after a fault an unconfirmed product costs pullers several times as much as another one. */
const perSecond = 30;
/** No round begins after this. One round of each of a stack's faults takes about three minutes on two idle cores. */
const roundsWithinMs = 600_000;
const testWithinMs = 960_000;
/** Stops the run early enough to print its counts and heal its faults before the next part begins. */
const brokenOffAfterMs = 780_000;
/** Only `./warren chaos` makes these: a broker needs two minutes to recover from a full disk, and lost packets only cause delays. */
const leftOut: readonly string[] = ["disk-full", "line-loss", "broker-member-killed"];

/** Guarantees that a stack can't give, and faults that another stack's tests cover. */
interface Limits {
  /** Faults that the other stack's acceptance tests make: little of their effect depends on the broker's generation, and that has its own tests. */
  readonly madeElsewhere?: readonly string[];
  /** After these faults products may be dispatched twice: autoheal discards messages that the losing members have confirmed. */
  readonly mayRepeatAfter?: readonly string[];
  /** Products may be delivered twice, which is noted: two halves of a mirrored pair each deliver the same message once. */
  readonly mayDeliverTwice?: boolean;
}

/** Runs `./warren chaos` with each fault once while products flow. Proves nothing about the faults that it leaves out. */
export function chaos({ mayRepeatAfter = [], mayDeliverTwice = false, madeElsewhere = [] }: Limits = {}): void {
  part("while products flow and faults follow one another", () => {
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
          const unhealthy = rounds.filter(({ missing }) => missing !== undefined);
          expect(unhealthy.map(({ fault, missing, notes }) => [fault, missing, ...notes].join("\n"))).toEqual([]);
          expect(rounds.map(({ fault }) => fault).toSorted()).toEqual(faults.map(({ name }) => name).toSorted());
        } finally {
          closeScene(scene);
        }
      },
      testWithinMs,
    );
  });
}

/** Publishes of a product. A product without a record was dispatched again long afterwards. */
const dispatches = (record: ProductRecord | undefined): number => record?.dispatched.length ?? 2;

/** Files of a product, on all hosts. */
const deliveries = (record: ProductRecord | undefined): number => record?.delivered.length ?? 0;

function noteFigures(faults: readonly Fault[], { account, rounds }: Awaited<ReturnType<typeof runChaos>>): void {
  note(`products while ${rounds.length} faults were made: lost`, String(account.lost), "0");
  note("  … dispatched twice", String(account.repeatedAnnounced), "0");
  note("  … delivered twice", String(account.repeatedDelivered), "0");
  note("  … dispatched unconfirmed", String(account.doubted));
  note("  … lost by the broker half way and recovered", String(account.madeGood));
  for (const { name, takeOverWithinMs } of faults) {
    const tookMs = rounds.find(({ fault }) => fault === name)?.takeOverMs;
    if (takeOverWithinMs === undefined || tookMs === undefined) continue;
    note(`  … ${name}: another dispatcher continued after`, `${tookMs} ms`, `${takeOverWithinMs} ms`);
  }
}
