import { once } from "node:events";
import { expect, test } from "vitest";
import { type ScanTask, TreeScans } from "./tree-scans.ts";

/** Scans whose `run` waits until the test releases it. */
function arrange() {
  const begun: string[] = [];
  const failures: string[] = [];
  const turns = new EventTarget();
  const stopping = new AbortController();
  let going = Promise.withResolvers<void>();
  const scans = new TreeScans({
    run: async ({ folder, gap }: ScanTask) => {
      begun.push(gap ? `${folder}: ${gap.reason} since ${gap.sinceMs}` : folder);
      turns.dispatchEvent(new Event("begun"));
      await going.promise;
    },
    onFailure: (error) => failures.push(error.message),
    signal: stopping.signal,
  });
  const go = (error?: Error) => {
    const last = going;
    going = Promise.withResolvers();
    if (error) last.reject(error);
    else last.resolve();
  };
  const nextBegun = () => once(turns, "begun");
  return { scans, begun, failures, go, nextBegun, stopping };
}

test("one at a time, gaps first; a repeated gap keeps its first time, a repeated folder is scanned once", async () => {
  const { scans, begun, go, nextBegun } = arrange();
  const first = nextBegun();
  scans.appeared("a");
  await first;
  scans.appeared("b");
  scans.appeared("b");
  scans.gap("tree", "first", 10);
  scans.gap("tree", "second", 20);
  const second = nextBegun();
  go();
  await second;
  const third = nextBegun();
  go();
  await third;
  go();
  await scans.idle();
  expect(begun).toEqual(["a", "tree: second since 10", "b"]);
});

test("a task that arrives when the last one has just ended is run", async () => {
  const { scans, begun, go, nextBegun } = arrange();
  const first = nextBegun();
  scans.appeared("a");
  await first;
  go();
  await scans.idle();
  const second = nextBegun();
  scans.appeared("b");
  await second;
  expect(begun).toEqual(["a", "b"]);
  go();
});

test("a failed scan is repeated, with the time of its first gap, until it succeeds", async () => {
  const { scans, begun, failures, go, nextBegun, stopping } = arrange();
  const first = nextBegun();
  scans.gap("tree", "started", 10);
  await first;
  scans.gap("tree", "overflow", 99);
  const again = nextBegun();
  go(new Error("EIO"));
  await again;
  expect(failures).toEqual(["EIO"]);
  expect(begun.at(-1)).toBe("tree: started since 10");
  stopping.abort();
  scans.appeared("late");
  go();
  await scans.idle();
  expect(begun).toHaveLength(2);
});
