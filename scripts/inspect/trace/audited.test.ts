import { expect, test } from "vitest";
import { auditedSightings } from "./audited.ts";

const product = {
  ...{
    key: "k",
    path: "db/p",
    state: "placed" as const,
    firstMs: 2,
    announcedMs: 2,
    announcedBy: "urp-1",
    closedMs: 1,
  },
  ...{ secondMs: 4, secondBy: "urp-2", dispatchedMs: 3, placedMs: 5, puller: "pds-3" },
  ...{ dispatchedAgain: false, repeated: false, unsure: false, deadLetters: [] },
};

test("an auditor's product is listed by time: file, announcements, dispatch, placing", () => {
  expect(auditedSightings("px-1", product).map(({ atMs, host, who }) => `${atMs} ${host} ${who}`)).toEqual([
    "1 urp-1 file",
    "2 urp-1 announcer",
    "3 px-1 dispatcher",
    "4 urp-2 announcer",
    "5 pds-3 puller",
  ]);
});

test("an overdue product ends with that, a late or repeated one says so", () => {
  const { placedMs: _, puller: __, ...open } = product;
  const overdue = auditedSightings("px-1", { ...open, state: "overdue", deadLetters: [{ atMs: 9, reason: "404" }] });
  expect(overdue.slice(-2)).toEqual([
    { atMs: 9, host: "px-1", who: "dead letter", what: "404" },
    { atMs: 9, host: "px-1", who: "auditor", what: "not placed in time, overdue" },
  ]);
  const late = auditedSightings("px-1", { ...product, state: "late", repeated: true });
  expect(late.at(-1)?.what).toBe("placed, late, and placed again later");
});
