import { expect, it } from "vitest";
import { account, type RoundRecord } from "./account.ts";
import { faults } from "./faults.ts";
import { makeCase, roundOf } from "./fixture.ts";
import { formatChaos, formatEvidence, isSound, summarise } from "./report.ts";

const rounds: RoundRecord[] = [
  roundOf(1, "broker-killed", 1000, { takeOverMs: 900, pauseMs: 950 }),
  roundOf(2, "broker-killed", 2000, { takeOverMs: 1500, pauseMs: 1600 }),
  roundOf(3, "memory-alarm", 3000, { pauseMs: 4000, notes: ["as expected"] }),
];
const notDone = { "disk-full": "no member of this lab has its own disk (diskMb)" };

function resultOf(more: readonly RoundRecord[] = rounds) {
  const one = makeCase(3);
  for (const index of [0, 1, 2]) {
    one.write(index, 2100);
    one.announce(index, 2101);
    one.dispatch(index, `A-${index}`, 2102);
  }
  one.deliver(0, "pds-1", 2103);
  one.deliver(1, "pds-1", 2104);
  one.dispatch(1, "B-7", 3500);
  return { seed: 42, rounds: more, account: account(one.evidence, more), seconds: 12.3 };
}

it("the summary has each fault's rounds, with losses, repeats and takeover times", () => {
  expect(summarise(resultOf(), notDone)).toMatchObject({
    rounds: 3,
    seed: 42,
    lost: 1,
    repeated: 1,
    faults: {
      "broker-killed": { rounds: 2, lost: 1, repeated: 0, unknown: 0, takeOverMs: [900, 1500] },
      "memory-alarm": { rounds: 1, lost: 0, repeated: 1, takeOverMs: [], pauseMs: [4000] },
    },
    notDone,
  });
});

it("the table has medians with their limits, faults not injected, and the evidence of findings", () => {
  const text = formatChaos(resultOf(), { faults, notDone, color: false });
  expect(text).toMatch(/broker-killed +2 +1 +0 +0 +1\.20 s +1\.50 s +2\.00 s +1\.60 s/);
  expect(text).toContain("disk-full: not injected, no member of this lab has its own disk");
  expect(text).toMatch(
    /✗ lost: .*dispatched but not pulled\n {4}key [0-9a-f]{32} {3}round 2, broker-killed, 0\.10 s after/,
  );
  expect(text).toMatch(/dispatched, source urp-1, message B-7/);
});

it("with a watch of the live page there are its times and what was wrong; without it nothing about it", () => {
  const page = { shownMs: 7000, rightMs: 3100 };
  const watched = {
    ...resultOf([roundOf(1, "link-cut", 1000, { page }), roundOf(2, "line-loss", 2000, { page: { rightMs: 40 } })]),
    ...{ account: account(makeCase(0).evidence, rounds), pageWrong: ["round 1: the page did not show it"] },
  };
  const text = formatChaos(watched, { faults, notDone: {}, color: false });
  expect(text).toMatch(/longest pause +on page +right again\n/);
  expect(text).toMatch(/link-cut .* 7\.00 s +3\.10 s\n/);
  expect(text).toContain("line-loss: not expected on the live page, most scrapes succeed");
  expect(text).toContain("✗ round 1: the page did not show it");
  expect(formatEvidence(watched)).toContain("on the live page 7.00 s, right again 3.10 s");
  expect(summarise(watched, {})).toMatchObject({
    faults: { "link-cut": { pageShownMs: [7000], pageRightMs: [3100] }, "line-loss": { pageShownMs: [] } },
    pageWrong: ["round 1: the page did not show it"],
  });
  expect([isSound(watched), isSound({ ...watched, pageWrong: [] })]).toEqual([false, true]);
  const without = [
    JSON.stringify(summarise(resultOf(), {})),
    formatChaos(resultOf(), { faults, notDone, color: false }),
  ];
  for (const one of without) expect(one).not.toMatch(/page/i);
});

it("the evidence starts with the rounds", () => {
  expect(formatEvidence(resultOf())).toMatch(/^round 1: broker-killed on bunny1: lasted 0\.01 s; takeover 0\.90 s/);
  expect(formatEvidence(resultOf())).toContain("as expected");
});

it("a run is sound if nothing is lost or repeated and the lab recovered from every fault", () => {
  const empty = account(makeCase(0).evidence, rounds);
  expect(isSound({ ...resultOf(), account: empty })).toBe(true);
  expect(isSound(resultOf())).toBe(false);
  const stuck = roundOf(4, "partition", 4000, { missing: "bunny2 is away" });
  expect(isSound({ ...resultOf(), account: empty, rounds: [stuck] })).toBe(false);
  expect(formatChaos(resultOf([stuck]), { faults, notDone, color: false })).toContain(
    "✗ round 4, partition: bunny2 is away",
  );
});
