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

test("a puller that pulls says how much, and that is all", () => {
  expect(statusOf(view, 0)).toEqual({
    ok: true,
    text: "7 pulled, 1 put aside; connected to b1",
    ...{ connectionTo: "broker", connected: true, blocked: false, done: 7, setAside: 1 },
    notices: "connected to b1",
    receiptsPending: 2,
    peers: { known: 4, silent: 0 },
  });
});

test.each([
  [
    "a dead radar server is told, and no fault of this puller",
    true,
    { puller: { ...view.puller, silentOrigins: [dead] } },
  ],
  ["a full disk is", false, { puller: { ...view.puller, localFault: full } }],
  ["so is a broker that is away", false, { session: { state: "connecting", description: "no connection to b1" } }],
  ["and one that gives nothing of what waits", false, { feed: { isStarved: true } }],
])("%s", (_, ok, change) => {
  expect(statusOf({ ...view, ...(change as Partial<PullerView>) }, 0).ok).toBe(ok);
});

test("the text says all that is out of the ordinary", () => {
  const counts = { pulledCount: 7, twinsPulledCount: 2, askedCount: 3, deadLetteredCount: 1 };
  const puller = { localFault: full, silentOrigins: [dead] };
  expect(statusOf({ ...view, counts, puller, feed: { isStarved: true } }, 60_000).text).toBe(
    "7 pulled (2 as twins), 3 asked for elsewhere, 1 put aside; messages wait in q, and the broker gives none of them; " +
      "the disk of /rxq is full: make room, it goes on by itself; " +
      "http://urp-1 has given no answer for 60 s (connect ECONNREFUSED)",
  );
});
