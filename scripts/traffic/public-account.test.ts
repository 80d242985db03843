import { describe, expect, test } from "vitest";
import { formatSections } from "../lib/table.ts";
import type { Account } from "./accounting.ts";
import { type PublicInput, publicAccount } from "./public-account.ts";
import { planPublicProducts } from "./public-plan.ts";
import { isPublicGood, publicSection } from "./public-report.ts";
import type { PublicResult } from "./public-run.ts";
import type { Arrival } from "./receivers.ts";
import { formatRoads } from "./report.ts";
import { loadSamples } from "./samples.ts";

const options = { count: 20, ratePerSecond: 10, seed: 5, firstObservation: new Date("2013-06-06T14:40Z") };
const products = planPublicProducts(options, await loadSamples());
const arrivals = products.map(
  ({ delivered: file, size, sha256 }, index): Arrival => ({
    ...{ pds: "client-1", file, size, sha256 },
    ctimeMs: 1010 + index * 10,
  }),
);
const good: PublicInput = {
  products,
  written: new Map(products.map(({ file }) => [file, 1000])),
  given: { sftp: 10, ftp: 10 },
  tap: { announced: new Map(products.map(({ delivered }) => [delivered, 1])), tapGaps: 0 },
  arrivals,
  clients: ["client-1"],
};
const [first, second] = arrivals as [Arrival, Arrival, ...Arrival[]];
const result = (input: PublicInput): PublicResult => ({
  ...publicAccount(input),
  outcome: "complete",
  count: products.length,
});
const reported = (input: PublicInput): string => formatSections([publicSection(result(input), false)], false);

test("the plan's names have the required form, are unique, and are the same for the same seed", () => {
  expect(products[0]).toMatchObject({
    file: "201306061440_XSS_24_HR_ACCUM_MM.gif:URP:XSS:RADAR:GIF::20130606144000",
    delivered: "201306061440_XSS_24_HR_ACCUM_MM.gif",
    atMs: 0,
  });
  expect(new Set(products.map(({ delivered }) => delivered)).size).toBe(20);
  expect(products.at(-1)?.atMs).toBe(1900);
});

describe("a run without faults", () => {
  test("is counted exactly, with the documented keys of --json", () => {
    expect(publicAccount(good).account).toEqual({
      written: 20,
      given: { sftp: 10, ftp: 10 },
      announced: 20,
      fetched: { "client-1": 20 },
      lost: 0,
      repeated: 0,
      wrongSize: 0,
      wrongContent: 0,
      latencyMs: { p50: 100, p99: 200, max: 200 },
    });
    expect(isPublicGood(result(good))).toBe(true);
    expect(isPublicGood({ ...result(good), outcome: "stalled" })).toBe(false);
  });

  test("is a part of the table, without findings", () => {
    expect(reported(good)).toBe(`px to the public
  given to           sftp 10   ftp 10
  announced          20 of 20
  fetched            client-1 20
  lost               0
  repeated           0
  wrong size         0
  wrong content      0
  given to fetched   p50 100 ms   p99 200 ms   max 200 ms
`);
  });

  test("is below the radar path's part, in the same columns", () => {
    const none = { lost: [], repeated: [], wrong: [], idle: [], announcedAgain: 0, tapGaps: 0 };
    const radar: Account = {
      ...{ announced: { "urp-1": 1 }, dispatched: 1, won: { "urp-1": 1 }, pulled: { "pds-1": 1 } },
      ...{ lost: 0, repeated: 0, wrongSize: 0, wrongContent: 0 },
      ...{ latencyMs: { p50: 8, p99: 8, max: 8 }, seconds: { up: 50 } },
    };
    const options = { account: radar, details: none, count: 1, outcome: "complete", color: false } as const;
    const [first, second] = formatRoads(options, new Map([["wxo-b1", result(good)]])).split("\n\n");
    expect(first?.split("\n").slice(0, 2)).toEqual(["URP to PDS", "  announced            urp-1 1"]);
    expect(second?.split("\n").slice(0, 2)).toEqual(["px to the public", "  given to             sftp 10   ftp 10"]);
  });
});

describe("a finding is counted and named:", () => {
  const faults: [string, Partial<PublicInput>, object, string][] = [
    [
      "an announced product that no client has",
      { arrivals: arrivals.slice(1) },
      { lost: 1, fetched: { "client-1": 19 } },
      `✗ lost: ${first.file} (announced, not fetched: check warren-subscriber on client-1)`,
    ],
    [
      "a product that was not announced",
      { arrivals: arrivals.slice(1), tap: { announced: new Map([...good.tap.announced].slice(1)), tapGaps: 0 } },
      { lost: 1, announced: 19 },
      `✗ lost: ${first.file} (given, not announced: check warren-delivery-* and warren-dd-notify on px)`,
    ],
    [
      "a product that was announced three times",
      { tap: { announced: new Map([...good.tap.announced, [first.file, 3]]), tapGaps: 0 } },
      { repeated: 2, announced: 20 },
      `✗ announced again: ${first.file}`,
    ],
    [
      "a truncated file",
      { arrivals: arrivals.with(0, { ...first, size: first.size - 1 }) },
      { wrongSize: 1, wrongContent: 0 },
      `✗ wrong size: ${first.file} on client-1`,
    ],
    [
      "a file with another file's bytes",
      { arrivals: arrivals.with(0, { ...first, sha256: second.sha256 }) },
      { wrongSize: 0, wrongContent: 1 },
      `✗ wrong content: ${first.file} on client-1`,
    ],
  ];
  test.each(faults)("%s", (_, change, counts, line) => {
    const input = { ...good, ...change };
    expect(publicAccount(input).account).toMatchObject(counts);
    expect(reported(input).split("\n")).toContain(line);
    expect(isPublicGood(result(input))).toBe(false);
  });

  test("but not for products that were never written", () => {
    const half = new Map([...good.written].slice(0, 10));
    expect(publicAccount({ ...good, written: half, arrivals: arrivals.slice(0, 10) }).account).toMatchObject({
      written: 10,
      lost: 0,
    });
  });
});
