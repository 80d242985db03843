import { expect, it } from "vitest";
import { headText, parseHead } from "./queue-head.ts";

const message = {
  routing_key: "v00.urp.input.a",
  redelivered: true,
  payload_bytes: 4000,
  payload: Buffer.from("\u001b]0;title\u0007text").toString("base64"),
  payload_encoding: "base64",
  properties: { headers: { "a\u001b[2J": "x".repeat(100), b: { c: [1, 2] } } },
};

it("shows the first message of a queue by name and size, without control characters", () => {
  const head = parseHead([message]);
  expect(head).toMatchObject({ bodyBytes: 4000, body: "\\x1b]0;title\\x07text" });
  expect(headText("q", head ?? { silent: "" })).toBe(
    'at the head of q: key v00.urp.input.a, 4000 bytes "\\x1b]0;title\\x07text", headers a\\x1b[2J (102 bytes), b (11 bytes)',
  );
});

it("reads a message without properties, and an empty queue", () => {
  expect(parseHead([{ ...message, properties: [] }])?.headers).toEqual([]);
  expect(parseHead([])).toBeUndefined();
});

it("is bounded, whatever the message contains", () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`${"n".repeat(200)}${index}`, "v"]));
  const head = parseHead([
    { ...message, routing_key: "k".repeat(255), payload: "A".repeat(2000), properties: { headers: many } },
  ]);
  expect(headText("q", head ?? { silent: "" }).length).toBeLessThan(1300);
  expect(head?.moreHeaders).toBe(4992);
});
