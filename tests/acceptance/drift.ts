import { expect, it } from "vitest";
import { labCluster } from "./broker.ts";
import { type DriftRow, rows, strangers } from "./drift-rows.ts";
import { noteSeconds } from "./figures.ts";
import { part } from "./one-lab.ts";
import { changedResources, preview, until, up, type WarrenResult } from "./subject.ts";
import { propertyOf, restartedBy, stackUnits } from "./units.ts";

export function drift(): void {
  part("a manual change", () => {
    it("is reported by the preview with host or cluster, thing and difference, and nothing else would change", async () => {
      await strangers.change();
      const changes = await doAll(rows);
      const seen = await preview("--expect-no-changes");
      expect(seen.exitCode, seen.output).not.toBe(0);
      expectReported(seen, changes);
      expect(changedObjects(seen)).toEqual(repairsOf(changes));
      for (const stranger of strangers.reported) expect(seen.output).toMatch(listed(stranger));
    });

    it("is repaired by up, which changes nothing else; unmanaged objects stay", async () => {
      const changes = await applying(rows);
      const units = await stackUnits();
      const touched = await restartedBy(units, async () => {
        const repaired = await up();
        noteSeconds(`${changes.length} kinds of drift repaired`, repaired.seconds);
        expect(repaired.exitCode, repaired.output).toBe(0);
        expect(changedObjects(repaired)).toEqual(repairsOf(changes));
      });
      // An upgrade of keepalived restarts it.
      expect([...repairsOf(changes), "bunny2 keepalived.service"]).toEqual(expect.arrayContaining(touched));
      expect(new Set((await propertyOf("ActiveState", units)).values())).toEqual(new Set(["active"]));
      const clean = await untilClean();
      for (const stranger of strangers.reported) expect(clean.output).toMatch(listed(stranger));
      await strangers.remove();
    });
  });
}

export const repairsOf = (changes: readonly DriftRow[]): string[] =>
  [...new Set(changes.flatMap(({ repairedBy }) => repairedBy))].sort();
/** Without the provider: it changes if the engine now uses another member because the previous one doesn't answer. */
export const changedObjects = ({ output }: WarrenResult): string[] =>
  changedResources(output).filter((name) => name !== "bunny");
const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
const listed = (stranger: string): RegExp => new RegExp(`not managed, left as it is: .*${escaped(stranger)}`);

async function applying(all: readonly DriftRow[]): Promise<DriftRow[]> {
  const { policies } = await labCluster();
  return all.filter((row) => !row.mirrored || policies.length > 0);
}

/** Makes the changes of one host or cluster in order, and those of different ones at the same time. */
export async function doAll(all: readonly DriftRow[]): Promise<DriftRow[]> {
  const changes = await applying(all);
  const places = Map.groupBy(changes, ({ where }) => where);
  await Promise.all(
    [...places.values()].map(async (ofPlace) => {
      for (const row of ofPlace) await row.change();
    }),
  );
  return changes;
}

export function expectReported({ output }: WarrenResult, changes: readonly DriftRow[]): void {
  for (const { where, reported } of changes) {
    const [thing, difference] = reported;
    const expression = typeof difference === "string" ? escaped(difference) : difference.source;
    expect(output).toMatch(new RegExp(`warning: ${where} has drifted: ${escaped(thing)}: .*${expression}`));
  }
}

/** Agents that reconnect need a moment to declare their missing objects. */
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
