import { expect, test } from "vitest";
import { LocalFault } from "../lib/receiver-queue.ts";
import { type PullerView, statusOf } from "./status.ts";

const view: PullerView = {
  counts: { pulledCount: 7, twinsPulledCount: 0, askedCount: 0, deadLetteredCount: 1 },
  puller: { localFault: undefined, silentOrigins: [] },
  session: { state: "ready", description: "connected to b1" },
  notices: { description: "connected to b1" },
  receipts: { pending: 2 },
  peers: { counts: { known: 4, silent: 0 } },
  feed: { isStarved: false },
  queue: "q",
};
const dead = { origin: "http://urp-1", sinceMs: 0, text: "connect ECONNREFUSED" };
const full = new LocalFault("/rxq", Object.assign(new Error("no space"), { code: "ENOSPC" }));

test("a healthy puller reports its counts and nothing else", () => {
  expect(statusOf(view, 0)).toEqual({
    ok: true,
    text: "7 pulled, 1 dead-lettered; connected to b1",
    ...{ connectionTo: "broker", connected: true, blocked: false, done: 7, setAside: 1 },
    notices: "connected to b1",
    receiptsPending: 2,
    peers: { known: 4, silent: 0 },
  });
});

test.each([
  [
    "a dead radar server is reported, and is no fault of this puller",
    true,
    { puller: { ...view.puller, silentOrigins: [dead] } },
  ],
  ["a full disk is", false, { puller: { ...view.puller, localFault: full } }],
  ["so is a missing broker", false, { session: { state: "connecting", description: "no connection to b1" } }],
  ["and one that does not deliver waiting messages", false, { feed: { isStarved: true } }],
])("%s", (_, ok, change) => {
  expect(statusOf({ ...view, ...(change as Partial<PullerView>) }, 0).ok).toBe(ok);
});

test("the text has everything that is out of the ordinary", () => {
  const counts = { pulledCount: 7, twinsPulledCount: 2, askedCount: 3, deadLetteredCount: 1 };
  const puller = { localFault: full, silentOrigins: [dead] };
  expect(statusOf({ ...view, counts, puller, feed: { isStarved: true } }, 60_000).text).toBe(
    "7 pulled (2 as twins), 3 requested elsewhere, 1 dead-lettered; messages wait in q, and the broker delivers none of them; " +
      "the disk of /rxq is full: make room, then it continues automatically; " +
      "http://urp-1 has not answered for 60 s (connect ECONNREFUSED)",
  );
});
