import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatCopies } from "../lib/announced-copies.ts";
import { formatReceipts } from "../lib/receipts.ts";
import { keyOf } from "./fixture.ts";
import { type AuditMessage, readSightings } from "./sighting.ts";

const topics = {
  ...{ announcedTopic: "v00.urp.announced", notifyTopic: "v00.urp.notify" },
  ...{ twinTopic: "v00.urp.twin", pulledTopic: "v00.urp.pulled" },
};
const key = keyOf("p");
const body = Buffer.from(`${key} 7 http://urp-1/ db/p`);
const message = (routingKey: string, more: Partial<AuditMessage> = {}): AuditMessage => ({
  ...{ exchange: "cmc", routingKey, body, headers: {}, marks: {}, messageId: "m-1" },
  ...more,
});
const read = (routingKey: string, more?: Partial<AuditMessage>) => readSightings(message(routingKey, more), topics)[0];

describe("a message", () => {
  test("says that a product was announced, dispatched or sent as a twin, by its topic", () => {
    expect(read("v00.urp.announced", { marks: { closedMs: 5 } })).toEqual({
      ...{ kind: "announced", key, path: "db/p", source: "urp-1", closedMs: 5 },
    });
    expect(read("v00.urp.notify")).toEqual({ kind: "dispatched", key, path: "db/p", id: "m-1", inDoubt: false });
    expect(read("v00.urp.notify.a", { marks: { doubt: true } })).toMatchObject({ inDoubt: true });
    expect(read("v00.urp.twin.a")).toEqual({ kind: "twin", key, path: "db/p" });
  });

  test("says that a product is placed, by its marks: now, before, or either", () => {
    const receipt = (marks: AuditMessage["marks"]) => read("v00.urp.pulled", { body: Buffer.from(key), marks });
    expect(receipt({ placedMs: 7, host: "pds-1", closedMs: 5 })).toEqual({
      ...{ kind: "placed", key, closedMs: 5, placing: { kind: "placed", id: "7@pds-1", host: "pds-1", placedMs: 7 } },
    });
    expect(receipt({ before: true, host: "pds-1" })).toMatchObject({ placing: { kind: "before", host: "pds-1" } });
    expect(receipt({})).toMatchObject({ placing: { kind: "unmarked", id: "m-1" } });
  });

  test("says of several products that they are placed, if their receipts are joined", () => {
    const joined = formatReceipts([{ key, placedMs: 7, closedMs: 5 }, { key: keyOf("q") }]);
    const marks = { host: "pds-1" };
    expect(readSightings(message("v00.urp.pulled", { body: joined, marks }), topics)).toEqual([
      { kind: "placed", key, closedMs: 5, placing: { kind: "placed", id: "7@pds-1", host: "pds-1", placedMs: 7 } },
      { kind: "placed", key: keyOf("q"), closedMs: undefined, placing: { kind: "before", host: "pds-1" } },
    ]);
  });

  test("says of several products that they were announced, if their copies are joined; lines that say nothing are left out", () => {
    const copies = [
      { body, closedMs: 5 },
      { body: Buffer.from("no announcement"), closedMs: 6 },
      { body: Buffer.from(`${keyOf("q")} 8 http://urp-2/ db/q`), closedMs: undefined },
    ];
    expect(readSightings(message("v00.urp.announced", { body: formatCopies(copies) }), topics)).toEqual([
      { kind: "announced", key, path: "db/p", source: "urp-1", closedMs: 5 },
      { kind: "announced", key: keyOf("q"), path: "db/q", source: "urp-2", closedMs: undefined },
    ]);
  });

  test("says that a product, or something else, is a dead letter, whatever its topic", () => {
    const headers = { "x-dead-reason": "x".repeat(1000) };
    const dead = { exchange: "cmc.dead", headers };
    const reason = expect.stringMatching(/^x{200,}…$/);
    expect(read("v00.urp.notify.a", dead)).toEqual({ kind: "dead-letter", id: "m-1", key, reason });
    expect(read("v00.urp.input.a", { ...dead, body: Buffer.from("?") })).toMatchObject({ key: undefined });
  });

  test("without an id is known by what it contains; long ids are as good as short ones", () => {
    const idOf = (more: Partial<AuditMessage>) => {
      const found = read("v00.urp.notify.a", more);
      return found?.kind === "dispatched" ? found.id : undefined;
    };
    expect(idOf({ messageId: undefined })).toBe(idOf({ messageId: undefined }));
    expect(idOf({ messageId: undefined })).not.toBe(idOf({ messageId: undefined, marks: { closedMs: 1 } }));
    expect(idOf({ messageId: "x".repeat(255) })).toHaveLength(32);
  });

  test.each([
    ["under another topic", message("v00.urp.other")],
    ["that is no announcement", message("v00.urp.announced", { body: Buffer.from("hello") })],
    ["that is no receipt", message("v00.urp.pulled", { body: Buffer.from(key.toUpperCase()) })],
  ])("says nothing: one %s", (_, one) => {
    expect(readSightings(one, topics)).toEqual([]);
  });

  test("of any content makes no fault, and what is kept of it is short", () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.constant(body), fc.constant(Buffer.from(key)));
    const topic = fc.constantFrom(...Object.values(topics), "v00.urp.input.x", "", "cmc");
    const marks = fc.record({ closedMs: fc.nat(), placedMs: fc.nat(), host: fc.string() }, { requiredKeys: [] });
    const headers = fc.dictionary(fc.constantFrom("x-dead-reason", "filename"), fc.anything());
    const exchange = fc.constantFrom("cmc", "cmc.dead");
    const messageId = fc.anything() as fc.Arbitrary<string>;
    fc.assert(
      fc.property(exchange, topic, bytes, marks, headers, messageId, (from, routingKey, content, marked, table, id) => {
        const one = {
          exchange: from,
          routingKey,
          body: Buffer.from(content),
          marks: marked,
          headers: table,
          messageId: id,
        };
        expect(JSON.stringify(readSightings(one, topics)[0] ?? {}).length).toBeLessThan(2000);
      }),
    );
  });
});
