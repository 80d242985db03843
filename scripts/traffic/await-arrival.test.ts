import { EventEmitter } from "node:events";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AwaitOptions, awaitArrival, type Progress } from "./await-arrival.ts";
import { planProducts } from "./plan.ts";
import { formatProgress, progressLine } from "./progress.ts";
import type { ReceiverFolder } from "./receivers.ts";
import { loadSamples } from "./samples.ts";
import type { Tap } from "./tap.ts";

const plan = planProducts(
  { urps: ["urp-1", "urp-2"], count: 3, ratePerSecond: 10, seed: 5, firstObservation: new Date("2015-01-20T18:10Z") },
  await loadSamples(),
);
const copies = plan.products.flatMap((product) => product.copies);
let base = "";
let folders: ReceiverFolder[] = [];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), "warren-await-"));
  folders = ["pds-1", "pds-2"].map((pds) => ({ pds, directory: join(base, pds) }));
  for (const { directory } of folders) await mkdir(directory);
});
afterEach(() => rm(base, { recursive: true, force: true }));

/** A tap's counters without a broker: this tests waiting only. */
function countsOnly() {
  const counts = { announced: new Map<string, string[]>(), dispatched: new Map<string, string[]>(), tapGaps: 0 };
  const tap: Tap = Object.assign(new EventEmitter<{ announced: [string]; dispatched: [string] }>(), {
    counts,
    close: async () => {},
  });
  const announce = (file: string): void => {
    counts.announced.set(file, ["urp-1"]);
    tap.emit("announced", file);
  };
  return { tap, announce };
}

async function arrive(file: string, pds: string): Promise<void> {
  await writeFile(join(base, ".part"), "");
  await rename(join(base, ".part"), join(base, pds, file));
}

/** One copy of each product arrives, on the receivers in turn. */
async function arriveAll(): Promise<void> {
  for (const [turn, product] of plan.products.entries()) {
    await arrive(product.copies[turn % 2]?.file ?? "", folders[turn % 2]?.pds ?? "");
  }
}

function options(more: Partial<AwaitOptions>): AwaitOptions {
  const signal = new AbortController().signal;
  return { plan, tap: countsOnly().tap, folders, written: Promise.resolve(), signal, stallMs: 60_000, ...more };
}

describe("waiting for a plan to arrive", () => {
  test("ends when one copy of each product has arrived and all copies are announced", async () => {
    const { tap, announce } = countsOnly();
    const seen: Progress[] = [];
    const waiting = awaitArrival(options({ tap, onProgress: (progress) => seen.push(progress) }));
    for (const { file } of copies) announce(file);
    await arriveAll();
    expect(await waiting).toBe("complete");
    expect(seen.at(-1)).toEqual({ announced: [3, 3], dispatched: 0, pulled: 3, count: 3 });
  });

  test("counts earlier arrivals", async () => {
    const { tap, announce } = countsOnly();
    for (const { file } of copies) announce(file);
    await arriveAll();
    expect(await awaitArrival(options({ tap }))).toBe("complete");
  });

  test("doesn't end while products are still being written, even if nothing moves for long", async () => {
    const written = Promise.withResolvers<void>();
    const waiting = awaitArrival(options({ written: written.promise, stallMs: 100 }));
    const first = await Promise.race([waiting, new Promise((resolve) => setTimeout(() => resolve("waits"), 400))]);
    expect(first).toBe("waits");
    written.resolve();
    expect(await waiting).toBe("stalled");
  });

  test("gives up if nothing moves for the given time; files of other runs don't count as movement", async () => {
    await arrive("202601010000~~OTHER:URP:IWA:RADAR:META::20260101000000", "pds-1");
    expect(await awaitArrival(options({ stallMs: 200 }))).toBe("stalled");
  });

  test("is stopped by its signal", async () => {
    const stop = new AbortController();
    const waiting = awaitArrival(options({ signal: stop.signal, written: new Promise(() => {}) }));
    stop.abort();
    expect(await waiting).toBe("aborted");
  });

  test("fails with the folder's name if a receiver folder can't be read", async () => {
    const gone = [{ pds: "pds-9", directory: join(base, "pds-9") }];
    await expect(awaitArrival(options({ folders: gone }))).rejects.toThrow(/pds-9/);
  });
});

describe("the progress line", () => {
  const progress = { announced: [400, 388], dispatched: 371, pulled: 365, count: 400 };

  test("shows the progress of each stage", () => {
    expect(formatProgress(progress)).toBe("announced 400+388 · dispatched 371 · pulled 365 of 400");
  });

  test("is rewritten in place on a terminal", () => {
    const written: string[] = [];
    const line = progressLine({ isTTY: true, write: (text) => written.push(text) });
    line.show(progress);
    line.show({ ...progress, pulled: 366 });
    line.end();
    const inPlace = (pulled: number): string =>
      `\r\u001b[Kannounced 400+388 · dispatched 371 · pulled ${pulled} of 400`;
    expect(written).toEqual([inPlace(365), inPlace(366), "\n"]);
  });

  test("is a few plain lines without a terminal, always with the last one", () => {
    const written: string[] = [];
    const line = progressLine({ write: (text) => written.push(text) });
    for (let pulled = 0; pulled <= 400; pulled++) line.show({ ...progress, pulled });
    line.end();
    expect(written).toEqual(["announced 400+388 · dispatched 371 · pulled 400 of 400\n"]);
  });
});
