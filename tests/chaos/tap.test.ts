import { describe, expect, it } from "vitest";
import { productKey } from "../../agents/lib/announcement.ts";
import { codecs } from "../../agents/lib/codecs.ts";
import { publisherOf } from "./evidence.ts";
import { makeCase } from "./fixture.ts";
import { readSeen } from "./tap.ts";

const { file, path, size } = makeCase(1).copyOf(0, 0);
const message = codecs.v00.format({
  baseUrl: "http://urp-1/",
  relPath: `db/${path}`,
  sizeBytes: size,
  key: productKey(file),
});
const body = message.ok ? message.value.body : Buffer.alloc(0);
const delivery = { body, exchange: "cmc", headers: {}, marks: {}, messageId: "AbC-d-1f" };

describe("a message at the tap", () => {
  it.each([
    ["announced", "v00.urp.input.db.20261125"],
    ["dispatched", "v00.urp.notify.db.20261125"],
    ["twins", "v00.urp.twin.db.20261125"],
  ])("is %s by its topic", (kind, routingKey) => {
    const [seen] = readSeen({ ...delivery, routingKey }, 5);
    expect(seen).toMatchObject({ kind, file, source: "urp-1", messageId: "AbC-d-1f", doubt: false, atMs: 5 });
  });

  it("is a receipt by its topic, with the product's key", () => {
    const receipt = { ...delivery, body: Buffer.from(productKey(file)), routingKey: "v00.urp.pulled" };
    expect(readSeen(receipt, 5)).toEqual([{ kind: "pulled", key: productKey(file), messageId: "AbC-d-1f", atMs: 5 }]);
  });

  it("has its publisher's mark of an unconfirmed publish", () => {
    const marks = { doubt: true } as const;
    expect(readSeen({ ...delivery, marks, routingKey: "v00.urp.notify.db" }, 5)).toMatchObject([{ doubt: true }]);
  });

  it("is a dead letter by its exchange, with the reason", () => {
    const headers = { "x-dead-reason": "404 from urp-1" };
    const dead = { ...delivery, headers, exchange: "cmc.dead", routingKey: "v00.urp.notify.db" };
    expect(readSeen(dead, 5)).toMatchObject([{ kind: "dead", reason: "404 from urp-1" }]);
  });

  it("is ignored if it is no announcement, or has another topic", () => {
    expect(readSeen({ ...delivery, body: Buffer.from("marker"), routingKey: "v00.urp.notify.x" }, 5)).toEqual([]);
    expect(readSeen({ ...delivery, routingKey: "v02.post.x" }, 5)).toEqual([]);
  });
});

it("a message id starts with its publisher, which may contain hyphens", () => {
  expect(publisherOf("AbC-d-1f")).toBe("AbC-d");
});
