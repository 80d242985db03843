import { describe, expect, it } from "vitest";
import { median } from "../../scripts/lib/statistics.ts";
import { account, isGood, ledgerLost, longestPauseMs, roundAt, takeOverMs } from "./account.ts";
import { makeCase, roundOf } from "./fixture.ts";

const rounds = [roundOf(1, "broker-killed", 1000), roundOf(2, "partition", 2000)];

describe("a product", () => {
  it("announced, dispatched and delivered once gives no finding", () => {
    const { evidence, ...one } = makeCase(1);
    one.write(0, 10);
    one.announce(0, 11);
    one.dispatch(0, "A-1", 12);
    one.deliver(0, "pds-1", 13);
    const counted = account(evidence, rounds);
    expect(counted).toMatchObject({ attempted: 1, acknowledged: 1, unknown: 0, delivered: 1, lost: 0, repeated: 0 });
    expect(isGood(counted)).toBe(true);
  });

  it("dispatched by two publishes is repeated, in the round of the second publish", () => {
    const { evidence, ...one } = makeCase(1);
    one.write(0, 990);
    one.announce(0, 991);
    one.dispatch(0, "A-1", 992);
    one.dispatch(0, "B-1", 1500);
    one.deliver(0, "pds-1", 993);
    one.deliver(0, "pds-2", 1501, 1);
    const counted = account(evidence, rounds);
    expect(counted).toMatchObject({ lost: 0, repeated: 1, repeatedAnnounced: 1, repeatedDelivered: 1 });
    expect(counted.findings).toMatchObject([{ kind: "repeated", because: "dispatched again", round: { number: 1 } }]);
    expect(isGood(counted)).toBe(false);
  });

  it("redelivered by the broker, with the same message id, is no repeat", () => {
    const { evidence, ...one } = makeCase(1);
    one.write(0, 10);
    one.dispatch(0, "A-1", 11);
    one.dispatch(0, "A-1", 1400);
    one.deliver(0, "pds-1", 12);
    expect(account(evidence, rounds)).toMatchObject({ repeated: 0, lost: 0 });
  });

  it("dispatched again as unconfirmed is made good if the pull queue delivered it once, afterwards; otherwise repeated", () => {
    const { evidence, ...one } = makeCase(4);
    for (const index of [0, 1, 2, 3]) {
      one.write(index, 10);
      one.dispatch(index, `A-${index}`, 11);
      one.dispatch(index, `B-${index}`, 12, { doubt: true });
      one.deliver(index, "pds-1", 13);
      one.receive(index, `P-${index}`, index === 2 ? 11 : 14);
    }
    one.receive(0, "P-0", 15);
    one.deliver(1, "pds-2", 2100);
    one.receive(3, "P-9", 2200);
    const counted = account(evidence, rounds);
    expect(counted).toMatchObject({ doubted: 4, madeGood: 1, repeated: 3, repeatedAnnounced: 3, repeatedDelivered: 1 });
    expect(counted.doubts.map(({ messageId, afterMs }) => [messageId, afterMs])).toEqual([
      ["B-0", 1],
      ["B-1", 1],
      ["B-2", 1],
      ["B-3", 1],
    ]);
    expect(counted.findings.map(({ record }) => record?.name)).toEqual([1, 2, 3].map((index) => one.at(index).name));
    expect(counted.findings[0]).toMatchObject({ because: "dispatched again as unconfirmed" });
  });

  it("dispatched again as unconfirmed after it was pulled is made good once a ledger was lost, if no puller placed it again", () => {
    const { evidence, ...one } = makeCase(2);
    for (const index of [0, 1]) {
      one.write(index, 10);
      one.dispatch(index, `A-${index}`, 11);
      one.deliver(index, "pds-1", 13);
      one.receive(index, `P-${index}`, 14);
      one.dispatch(index, `B-${index}`, 3100, { doubt: true });
    }
    one.deliver(1, "pds-2", 3101);
    const lost = [...rounds, roundOf(3, ledgerLost, 3000)];
    expect(account(evidence, lost)).toMatchObject({ madeGood: 1, repeated: 1, repeatedDelivered: 1 });
    expect(account(evidence, rounds)).toMatchObject({ madeGood: 0, repeated: 2 });
    expect(account(evidence, [...rounds, roundOf(3, ledgerLost, 3200)])).toMatchObject({ madeGood: 0, repeated: 2 });
  });

  it("pulled by two hosts for one dispatch is repeated, with the cause", () => {
    const { evidence, ...one } = makeCase(1);
    one.write(0, 10);
    one.dispatch(0, "A-1", 11);
    one.deliver(0, "pds-1", 12);
    one.deliver(0, "pds-2", 1200);
    expect(account(evidence, rounds).findings[0]?.because).toContain("pulled by two hosts");
  });

  it.each([
    ["written but not announced", () => {}],
    ["announced but not dispatched", (one: ReturnType<typeof makeCase>) => one.announce(0, 11)],
    ["dispatched but not pulled", (one: ReturnType<typeof makeCase>) => one.dispatch(0, "A-1", 11)],
    ["dead-lettered: 404", (one: ReturnType<typeof makeCase>) => one.saw("dead", 0, 0, "P-1", 12, { reason: "404" })],
  ])("that never arrived is lost: %s", (because, add) => {
    const one = makeCase(1);
    one.write(0, 1010);
    add(one);
    const counted = account(one.evidence, rounds);
    expect(counted).toMatchObject({ attempted: 1, delivered: 0, lost: 1 });
    expect(counted.findings).toMatchObject([{ kind: "lost", because, round: { number: 1 } }]);
  });

  it("that was never seen but arrived is unknown, not lost", () => {
    const { evidence, ...one } = makeCase(1);
    one.write(0, 1010);
    one.deliver(0, "pds-1", 1020);
    const counted = account(evidence, rounds);
    expect(counted).toMatchObject({ unknown: 1, acknowledged: 0, lost: 0 });
    expect(counted.unknownByRound).toEqual(new Map([[1, 1]]));
  });

  it("with a copy on only one radar server is not attempted yet", () => {
    const { evidence, at, copyOf } = makeCase(1);
    evidence.attempted(at(0));
    evidence.written(at(0), copyOf(0, 0), 10);
    expect(account(evidence, rounds)).toMatchObject({ attempted: 0, lost: 0 });
  });

  it("with wrong bytes is wrong", () => {
    const { evidence, ...one } = makeCase(1);
    one.write(0, 10);
    one.dispatch(0, "A-1", 11);
    evidence.delivered({ pds: "pds-1", file: one.copyOf(0, 0).file, atMs: 12, wrong: "3 bytes" });
    const counted = account(evidence, rounds);
    expect(counted).toMatchObject({ wrong: 1, lost: 0, repeated: 0 });
    expect(isGood(counted)).toBe(false);
  });

  it("that was retired and is delivered again is repeated; one that is announced again isn't", () => {
    const { evidence, ...one } = makeCase(2);
    for (const index of [0, 1]) {
      one.write(index, 10);
      one.announce(index, 11);
      one.dispatch(index, `A-${index}`, 12);
      one.deliver(index, "pds-1", 13);
    }
    expect(evidence.retire(100)).toHaveLength(2);
    one.dispatch(0, "B-9", 2500);
    one.announce(1, 2600);
    const counted = account(evidence, rounds);
    expect(counted).toMatchObject({ attempted: 2, delivered: 2, acknowledged: 2, repeated: 1 });
    expect(counted.findings).toMatchObject([{ because: expect.stringContaining("B-9"), round: { number: 2 } }]);
  });
});

describe("retired products", () => {
  it("are old and without findings; all others stay", () => {
    const { evidence, ...one } = makeCase(3);
    for (const index of [0, 1, 2]) {
      one.write(index, 10);
      one.announce(index, 11);
      one.dispatch(index, `A-${index}`, 12);
    }
    one.deliver(0, "pds-1", 13);
    one.deliver(1, "pds-1", 5000);
    expect(evidence.retire(100).map(({ name }) => name)).toEqual([one.at(0).name]);
    expect(evidence.undelivered().map(({ name }) => name)).toEqual([one.at(2).name]);
  });
});

describe("a takeover", () => {
  const notifies = [
    { atMs: 10, publisher: "A" },
    { atMs: 30, publisher: "A" },
    { atMs: 55, publisher: "A" },
    { atMs: 900, publisher: "B" },
    { atMs: 910, publisher: "B" },
  ];

  it("lasts from the fault to the first product of another publisher", () => {
    expect(takeOverMs(notifies, 50)).toBe(850);
  });

  it("doesn't exist if the publisher stays, or nobody has published before", () => {
    expect(takeOverMs(notifies, 905)).toBeUndefined();
    expect(takeOverMs(notifies, 5)).toBeUndefined();
  });

  it("has a longest pause, measured from the last product before the fault", () => {
    expect(longestPauseMs(notifies, 50)).toBe(845);
    expect(longestPauseMs(notifies, 905)).toBe(10);
    expect(longestPauseMs([], 5)).toBeUndefined();
  });
});

it("a time belongs to the round of the last fault before it", () => {
  expect(roundAt(rounds, 999)).toBeUndefined();
  expect(roundAt(rounds, 1999)?.number).toBe(1);
  expect(roundAt(rounds, 9999)?.number).toBe(2);
});

it("the median of an even number of values is the mean of the two middle values", () => {
  expect(median([3, 1, 2, 10])).toBe(2.5);
  expect(median([5, 1, 9])).toBe(5);
  expect(median([])).toBeNaN();
});
