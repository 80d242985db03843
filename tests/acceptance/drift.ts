import { expect, it } from "vitest";
import { labCluster } from "./broker.ts";
import { type DriftRow, rows, strangers } from "./drift-rows.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { changedResources, preview, until, up, type WarrenResult } from "./subject.ts";
import { propertyOf, restartedBy, stackUnits } from "./units.ts";

export function drift(): void {
  part("what somebody changed by hand", () => {
    it("is named by the preview with host or cluster, thing and difference, and nothing else would be changed", async () => {
      await strangers.does();
      const there = await doAll(rows);
      const seen = await preview("--expect-no-changes");
      expect(seen.exitCode, seen.output).not.toBe(0);
      expectSaid(seen, there);
      expect(changedObjects(seen)).toEqual(mendsOf(there));
      for (const stranger of strangers.are) expect(seen.output).toMatch(listed(stranger));
    });

    it("is repaired by up, and nothing else is touched; what is not managed stays", async () => {
      const there = await applying(rows);
      const units = await stackUnits();
      const touched = await restartedBy(units, async () => {
        const repaired = await up();
        noteSeconds(`${there.length} kinds of drift repaired`, repaired.seconds);
        expect(repaired.exitCode, repaired.output).toBe(0);
        expect(changedObjects(repaired)).toEqual(mendsOf(there));
      });
      // An upgrade of keepalived restarts it.
      expect([...mendsOf(there), "bunny2 keepalived.service"]).toEqual(expect.arrayContaining(touched));
      expect(new Set((await propertyOf("ActiveState", units)).values())).toEqual(new Set(["active"]));
      const clean = await untilClean();
      for (const stranger of strangers.are) expect(clean.output).toMatch(listed(stranger));
      await strangers.go();
    });
  });
}

export const mendsOf = (there: readonly DriftRow[]): string[] =>
  [...new Set(there.flatMap(({ mends }) => mends))].sort();
/** Without the provider: it changes where the engine speaks to another member now, because the one of the last run is silent. */
export const changedObjects = ({ output }: WarrenResult): string[] =>
  changedResources(output).filter((name) => name !== "bunny");
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const listed = (stranger: string): RegExp => new RegExp(`not managed, left as it is: .*${escaped(stranger)}`);

async function applying(all: readonly DriftRow[]): Promise<DriftRow[]> {
  const { policies } = await labCluster();
  return all.filter((row) => !row.mirrored || policies.length > 0);
}

/** One place after the other is changed in the order of its rows, all places at the same time. */
export async function doAll(all: readonly DriftRow[]): Promise<DriftRow[]> {
  const there = await applying(all);
  const places = Map.groupBy(there, ({ where }) => where);
  await Promise.all(
    [...places.values()].map(async (ofPlace) => {
      for (const row of ofPlace) await row.does();
    }),
  );
  return there;
}

export function expectSaid({ output }: WarrenResult, there: readonly DriftRow[]): void {
  for (const { where, says } of there) {
    const [thing, difference] = says;
    const said = typeof difference === "string" ? escaped(difference) : difference.source;
    expect(output).toMatch(new RegExp(`warning: ${where} has drifted: ${escaped(thing)}: .*${said}`));
  }
}

/** Agents that reconnect need a moment to declare what was missing. */
export async function untilClean(): Promise<WarrenResult> {
  let last: WarrenResult | undefined;
  const isClean = async () => {
    last = await preview("--expect-no-changes");
    return last.exitCode === 0;
  };
  await until("the preview is clean", 60_000, isClean).catch((error: Error) => {
    throw new Error(`${error.message}:\n${last?.output}`);
  });
  if (!last) throw new TypeError("nothing was previewed");
  return last;
}
