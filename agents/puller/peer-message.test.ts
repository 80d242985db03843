import fc from "fast-check";
import { expect, test } from "vitest";
import { formatPeerMessage, type PeerMessage, parsePeerMessage } from "./peer-message.ts";

const id = fc.string({ minLength: 1, maxLength: 50, unit: "grapheme" });
const about = fc.record(
  {
    ...{ key: id, url: id, fileName: id, inDoubt: fc.boolean() },
    ...{ sizeBytes: fc.nat(), firstArrivalSeconds: fc.nat() },
    kind: fc.constantFrom("first" as const, "twin" as const, "foreign" as const),
  },
  { requiredKeys: ["key", "url", "fileName", "inDoubt", "kind"] },
);
const standing = fc.constantFrom("placed" as const, "asked" as const, "nothing" as const);
const messages: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({ kind: fc.constant("here" as const), from: id, asksBack: fc.boolean() }),
  fc.record({ kind: fc.constant("ask" as const), from: id, question: id, about, clock: fc.nat() }),
  fc.record(
    { kind: fc.constant("answer" as const), from: id, to: id, question: id, standing, others: fc.array(id) },
    { requiredKeys: ["kind", "from", "to", "question", "standing"] },
  ),
);

test("one puller's message is read by another", () => {
  fc.assert(
    fc.property(messages, (message) => {
      expect(parsePeerMessage(formatPeerMessage(message))).toEqual({ ok: true, value: message });
    }),
  );
});

test("unknown keys of a later version are dropped, and an unknown kind is an error", () => {
  const here = { kind: "here", from: "a", asksBack: true };
  expect(parsePeerMessage(Buffer.from(JSON.stringify({ ...here, more: 1 })))).toEqual({ ok: true, value: here });
  expect(parsePeerMessage(Buffer.from(JSON.stringify({ ...here, kind: "new" })))).toMatchObject({ ok: false });
});

test.each([
  ["invalid JSON", "hello"],
  ["nothing", ""],
  ["no object", "[]"],
  ["an answer without the known pullers", `{"kind":"answer","from":"a","to":"b","question":"c"}`],
  ["a puller without a name", `{"kind":"here","from":"","asksBack":true}`],
])("%s is not a puller's message", (_, body) => {
  expect(parsePeerMessage(Buffer.from(body))).toMatchObject({ ok: false, reason: expect.any(String) });
});
