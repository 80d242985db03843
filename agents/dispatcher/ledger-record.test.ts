import { pino } from "pino";
import { expect, test } from "vitest";
import { formatReceipts } from "../lib/receipts.ts";
import { ClockDifference } from "./clock-difference.ts";
import { type LedgerMessage, LedgerReader } from "./ledger-record.ts";

const topics = {
  notifyTopic: "v00.urp.notify",
  twinTopic: "v00.urp.twin",
  alternateTopic: "v00.urp.alternate",
  pulledTopic: "v00.urp.pulled",
  marker: "v00.urp.marker.bunny1",
};
const log = pino({ level: "silent" });
const readerWith = (windowMs: number) => new LedgerReader(topics, "Qk3x_-9a", new ClockDifference({ windowMs, log }));
/** A reader to which no message is too old. */
const reader = readerWith(Number.MAX_SAFE_INTEGER);
const key = "a985c32cbdee8af2ab5d7b8f6022e781";
const body = Buffer.from(`${key} 498081 http://urp-1.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/x:URP:IWA:RADAR:META`);
const source = "urp-1.cmc.ec.gc.ca";
const nowMs = 1_700_000_000_500;

function read(routingKey: string, own: Partial<LedgerMessage> = {}) {
  const message = { routingKey, body, marks: {}, messageId: "other-1", timestampSeconds: undefined };
  return reader.read({ ...message, ...own }, nowMs)[0];
}

test("a message under the notify topic is a publish, by the sender in its message id, at its timestamp", () => {
  const published = { kind: "published", key, source, sizeBytes: 498_081 };
  const stamped = { timestampSeconds: 1_600_000_000 };
  expect(read("v00.urp.notify.RADAR", stamped)).toEqual({ ...published, atMs: 1_600_000_000_000, ours: false });
  expect(read("v00.urp.notify.RADAR", { ...stamped, messageId: "Qk3x_-9a-1z" })).toMatchObject({ ours: true });
  expect(read("v00.urp.notify.RADAR", { ...stamped, messageId: "Qk3x_-9ab-1z" })).toMatchObject({ ours: false });
  expect(read("v00.urp.notify.RADAR", { ...stamped, messageId: undefined })).toMatchObject({ ours: false });
});

test("no time is later than now: neither from a host whose clock is ahead nor if the message has none", () => {
  expect(read("v00.urp.notify.a", { timestampSeconds: 1_800_000_000 })).toMatchObject({ atMs: nowMs });
  expect(read("v00.urp.notify.a")).toMatchObject({ atMs: nowMs });
});

test("a message older than the ledger keeps any was dated by a clock behind ours: it counts from now", () => {
  const doubtful = readerWith(7_200_000);
  const readAt = (saidMs: number, own: Partial<LedgerMessage> = {}) => {
    const message = {
      routingKey: "v00.urp.notify.a",
      body,
      marks: {},
      messageId: "other-1",
      timestampSeconds: saidMs / 1000,
    };
    return doubtful.read({ ...message, ...own }, nowMs)[0];
  };
  const fourHoursMs = 4 * 3_600_000;
  // Times within the window, or just beyond it, are accepted.
  expect(readAt(nowMs - 7_000_000)).toMatchObject({ atMs: nowMs - 7_000_000 });
  expect(readAt(nowMs - 7_250_000)).toMatchObject({ atMs: nowMs - 7_250_000 });
  expect(readAt(nowMs - fourHoursMs)).toMatchObject({ atMs: nowMs });
  // Times that this clock reports as much earlier are corrected too, and so are receipts that pass them on.
  expect(readAt(nowMs - fourHoursMs - 5000)).toMatchObject({ atMs: nowMs - 5000 });
  const receipt = { routingKey: "v00.urp.pulled", body: Buffer.from(key) };
  expect(readAt(nowMs - fourHoursMs - 7000, receipt)).toMatchObject({ atMs: nowMs - 7000 });
  // Our own times are by our own clock.
  expect(readAt(nowMs - 60_500, { messageId: "Qk3x_-9a-1" })).toMatchObject({ atMs: nowMs - 60_500 });
});

test("receipts, twins, requests with their reason, and our own markers are told apart", () => {
  expect(read("v00.urp.pulled", { body: Buffer.from(key) })).toEqual({ kind: "pulled", key });
  const twin = { kind: "twin", key, source, routingKey: "v00.urp.twin.RADAR", reason: "no reason given" };
  expect(read("v00.urp.twin.RADAR")).toEqual(twin);
  const closedMs = 1_600_000_000_123;
  expect(read("v00.urp.twin.RADAR", { marks: { alternate: "404", closedMs } })).toEqual({
    ...twin,
    reason: "404",
    closedMs,
  });
  const stamped = { timestampSeconds: 1_600_000_000 };
  expect(read("v00.urp.pulled", { body: Buffer.from(key), ...stamped })).toMatchObject({ atMs: 1_600_000_000_000 });
  const request = { kind: "request", key, routingKey: "v00.urp.alternate.RADAR", reason: "404", source };
  expect(read("v00.urp.alternate.RADAR", { marks: { reason: "404", closedMs } })).toEqual({ ...request, closedMs });
  expect(read("v00.urp.alternate.RADAR", stamped)).toMatchObject({ atMs: 1_600_000_000_000 });
  expect(read("v00.urp.alternate.RADAR")).toEqual({ ...request, reason: "no reason given" });
  const token = Buffer.from("token-7");
  expect(read("v00.urp.marker.bunny1", { body: token })).toEqual({ kind: "marker", token: "token-7" });
});

test("a topic without a tail is that topic; one that only begins like it is another", () => {
  expect(read("v00.urp.notify")).toMatchObject({ kind: "published" });
  expect(read("v00.urp.alternate")).toMatchObject({ kind: "request" });
  expect(read("v00.urp.notifyx.a")).toBeUndefined();
  expect(read("v00.urp.pulled.a")).toBeUndefined();
  expect(read("v00.urp.marker.bunny2")).toBeUndefined();
});

test("an announcement with unusual spelling is read like the codec reads it", () => {
  const unusual = Buffer.from(`${key.toUpperCase()}  5 http://urp-2/  db/a%20b\n`);
  expect(read("v00.urp.twin", { body: Buffer.from(unusual.toString().trim()) })).toMatchObject({
    kind: "twin",
    key,
    source: "urp-2",
  });
});

test.each([
  ["under the notify topic", "v00.urp.notify.a", "not an announcement"],
  ["under the twin topic", "v00.urp.twin.a", "not an announcement"],
  ["that should be a key", "v00.urp.pulled", key.slice(1)],
  ["that should be hexadecimal", "v00.urp.pulled", `${key.slice(1)}g`],
])("garbage %s is no record", (_where, routingKey, text) => {
  expect(read(routingKey, { body: Buffer.from(text) })).toBeUndefined();
});

test("a message with several receipts has a record for each", () => {
  const receipts = [{ key, timestampSeconds: 1_600_000_000, placedMs: 1 }, { key: "0".repeat(32) }];
  const message = { routingKey: "v00.urp.pulled", body: formatReceipts(receipts), marks: {} };
  expect(reader.read(message, nowMs)).toEqual([
    { kind: "pulled", key, atMs: 1_600_000_000_000 },
    { kind: "pulled", key: "0".repeat(32) },
  ]);
});
