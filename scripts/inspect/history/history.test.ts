import { expect, it } from "vitest";
import { formatHistory, parseHistory } from "./history.ts";

const answer = JSON.stringify([
  {
    kind: "update",
    startTime: "2026-11-27T20:33:49.000Z",
    endTime: "2026-11-27T20:33:58.000Z",
    message: "Place the bridge\n\nmore",
    environment: { "git.committer": "Michel", "git.author": "Peter" },
    result: "failed",
    resourceChanges: { create: 2, same: 230, update: 1 },
  },
  {
    kind: "destroy",
    startTime: "2026-11-26T08:00:00.000Z",
    message: "",
    environment: {},
    resourceChanges: { same: 9 },
  },
]);

it("shows who applied what, when, with which result, and which changes", () => {
  expect(formatHistory(parseHistory(answer)).split("\n")).toEqual([
    "when                 what     result       took  who      changes             message",
    "2026-11-27 20:33:49  update   failed       9 s   Michel   create 2, update 1  Place the bridge",
    "2026-11-26 08:00:00  destroy  in progress  0 s   unknown  none (9 unchanged)",
    "",
  ]);
});

it("has no runs of a new stack", () => {
  expect(parseHistory("[]")).toEqual([]);
});
