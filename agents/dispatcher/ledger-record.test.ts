import { pino } from "pino";
import { expect, test } from "vitest";
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
/** For which nothing is too old. */
const reader = readerWith(Number.MAX_SAFE_INTEGER);
const key = "a985c32cbdee8af2ab5d7b8f6022e781";
const body = Buffer.from(`${key} 498081 http://urp-1.cmc.ec.gc.ca/ db/20150120/RADAR/URP/IWA/x:URP:IWA:RADAR:META`);
const source = "urp-1.cmc.ec.gc.ca";
const nowMs = 1_700_000_000_500;

function read(routingKey: string, own: Partial<LedgerMessage> = {}) {
  const message = { routingKey, body, marks: {}, messageId: "other-1", timestampSeconds: undefined };
  return reader.read({ ...message, ...own }, nowMs);
}

test("what goes out under the notify topic was published, by whom its message id says, when its timestamp says", () => {
  const published = { kind: "published", key, source, sizeBytes: 498_081 };
  const said = { timestampSeconds: 1_600_000_000 };
  expect(read("v00.urp.notify.RADAR", said)).toEqual({ ...published, atMs: 1_600_000_000_000, ours: false });
  expect(read("v00.urp.notify.RADAR", { ...said, messageId: "Qk3x_-9a-1z" })).toMatchObject({ ours: true });
  expect(read("v00.urp.notify.RADAR", { ...said, messageId: "Qk3x_-9ab-1z" })).toMatchObject({ ours: false });
  expect(read("v00.urp.notify.RADAR", { ...said, messageId: undefined })).toMatchObject({ ours: false });
});

test("nothing is later than now: not what a host with a fast clock said, and not what said no time", () => {
  expect(read("v00.urp.notify.a", { timestampSeconds: 1_800_000_000 })).toMatchObject({ atMs: nowMs });
  expect(read("v00.urp.notify.a")).toMatchObject({ atMs: nowMs });
});

test("what is older than the ledger keeps anything was dated by a clock that is behind ours: it counts from now", () => {
  const doubtful = readerWith(7_200_000);
  const readAt = (saidMs: number, own: Partial<LedgerMessage> = {}) => {
    const message = {
      routingKey: "v00.urp.notify.a",
      body,
      marks: {},
      messageId: "other-1",
      timestampSeconds: saidMs / 1000,
    };
    return doubtful.read({ ...message, ...own }, nowMs);
  };
  const fourHoursMs = 4 * 3_600_000;
  // Within the window it is believed, and so is what is just beyond it.
  expect(readAt(nowMs - 7_000_000)).toMatchObject({ atMs: nowMs - 7_000_000 });
  expect(readAt(nowMs - 7_250_000)).toMatchObject({ atMs: nowMs - 7_250_000 });
  expect(readAt(nowMs - fourHoursMs)).toMatchObject({ atMs: nowMs });
  // So does what that clock dates by so much earlier, and what others say of its times.
  expect(readAt(nowMs - fourHoursMs - 5000)).toMatchObject({ atMs: nowMs - 5000 });
  const receipt = { routingKey: "v00.urp.pulled", body: Buffer.from(key) };
  expect(readAt(nowMs - fourHoursMs - 7000, receipt)).toMatchObject({ atMs: nowMs - 7000 });
  // Our own times are by our own clock.
  expect(readAt(nowMs - 60_500, { messageId: "Qk3x_-9a-1" })).toMatchObject({ atMs: nowMs - 60_500 });
});

test("receipts, twins, requests with their reason, and own markers are told apart", () => {
  expect(read("v00.urp.pulled", { body: Buffer.from(key) })).toEqual({ kind: "pulled", key });
  const twin = { kind: "twin", key, source, routingKey: "v00.urp.twin.RADAR", reason: "not said" };
  expect(read("v00.urp.twin.RADAR")).toEqual(twin);
  expect(read("v00.urp.twin.RADAR", { marks: { alternate: "404" } })).toEqual({ ...twin, reason: "404" });
  const said = { timestampSeconds: 1_600_000_000 };
  expect(read("v00.urp.pulled", { body: Buffer.from(key), ...said })).toMatchObject({ atMs: 1_600_000_000_000 });
  const request = { kind: "request", key, routingKey: "v00.urp.alternate.RADAR", reason: "404", source };
  expect(read("v00.urp.alternate.RADAR", { marks: { reason: "404" } })).toEqual(request);
  expect(read("v00.urp.alternate.RADAR", said)).toMatchObject({ atMs: 1_600_000_000_000 });
  expect(read("v00.urp.alternate.RADAR")).toEqual({ ...request, reason: "not said" });
  const token = Buffer.from("token-7");
  expect(read("v00.urp.marker.bunny1", { body: token })).toEqual({ kind: "marker", token: "token-7" });
});

test("a topic without anything behind it is that topic, one that only begins like it is another", () => {
  expect(read("v00.urp.notify")).toMatchObject({ kind: "published" });
  expect(read("v00.urp.alternate")).toMatchObject({ kind: "request" });
  expect(read("v00.urp.notifyx.a")).toBeUndefined();
  expect(read("v00.urp.pulled.a")).toBeUndefined();
  expect(read("v00.urp.marker.bunny2")).toBeUndefined();
});

test("an announcement that is written unusually is read as the codec reads it", () => {
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
])("garbage %s says nothing", (_where, routingKey, text) => {
  expect(read(routingKey, { body: Buffer.from(text) })).toBeUndefined();
});
