import { describe, expect, it } from "vitest";
import { idOf, letterOf, type Message, originOf, ownHeaders } from "./letter.ts";
import { formatLetter, formatList, formatPlan, letterJson, toPrintableJson } from "./report.ts";
import { groupLetters, isMeant } from "./select.ts";

const message = (own: Partial<Message> = {}): Message => ({
  ...{ exchange: "cmc.dead", routingKey: "v00.urp.input.a", body: Buffer.from("body"), messageId: "p-1" },
  ...{ marks: {}, droppedHeaders: [] },
  headers: {
    filename: "a product",
    "x-dead-reason": "v00 has four fields",
    "x-dead-agent": "dispatcher",
    "x-dead-queue": "cmc.urp.input",
    "x-dead-exchange": "cmc",
    "x-dead-time": "2026-11-27T20:50:00.000Z",
  },
  ...own,
});
const stranger = message({ headers: {}, body: Buffer.from([0, 255, 27]) });
const hostile = "\u001b]0;pwned\u0007\u202e\u009b2J";
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

describe("a letter", () => {
  it("has what its agent wrote, and its own headers apart from that", () => {
    expect(letterOf(message(), "bunny")).toMatchObject({
      ...{ broker: "bunny", agent: "dispatcher", reason: "v00 has four fields", queue: "cmc.urp.input" },
      ...{ atMs: Date.parse("2026-11-27T20:50:00Z"), origin: { exchange: "cmc", routingKey: "v00.urp.input.a" } },
      ...{ headers: [{ name: "filename", value: "'a product'" }], bodyBytes: 4 },
    });
    expect(ownHeaders(message({ marks: { doubt: true } }))).toEqual({ filename: "a product", "x-warren-doubt": "1" });
  });

  it("has the same id for as long as it is in its queue, and another one than others", () => {
    expect(idOf(message())).toBe(idOf(message()));
    expect(idOf(message())).toMatch(/^[0-9a-f]{12}$/);
    const others = [
      message({ body: Buffer.from("bodx") }),
      message({ messageId: "p-2" }),
      message({ routingKey: "b" }),
    ];
    expect(new Set([message(), ...others].map(idOf)).size).toBe(4);
    // What ends one part doesn't begin the next.
    expect(idOf(message({ exchange: "a", routingKey: "bc" }))).not.toBe(
      idOf(message({ exchange: "ab", routingKey: "c" })),
    );
  });

  it("of a stranger has no agent, and can't go back", () => {
    const letter = letterOf(stranger, "bunny");
    expect(letter.agent).toBeUndefined();
    expect(letter.origin).toMatchObject({ why: expect.stringContaining("x-dead-exchange") });
  });

  it("goes back under the key that it had before it was shortened", () => {
    const headers = { "x-dead-exchange": "cmc", "x-dead-key": "the.whole.key" };
    expect(originOf({ routingKey: "the.wh", headers })).toEqual({ exchange: "cmc", routingKey: "the.whole.key" });
  });

  it("can't go back under a key that could not be read", () => {
    expect(originOf(message({ routingKey: "v00.\ufffd" }))).toMatchObject({ why: expect.stringContaining("UTF-8") });
  });

  it("is bounded, whatever its headers are", () => {
    let deep: unknown = "x";
    for (let level = 0; level < 5000; level++) deep = { deep };
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`h${index}`, "v".repeat(5000)]));
    const letter = letterOf(
      message({ headers: { deep, ...many, "x-dead-reason": "r".repeat(9999) }, body: Buffer.alloc(5 << 20) }),
      "bunny",
    );
    expect(formatLetter(letter).length).toBeLessThan(10_000);
    expect(letter.moreHeaders).toBe(981);
    expect(letter.bodyStart.buffer.byteLength).toBeLessThan(1 << 20);
  });
});

describe("letters are chosen", () => {
  const letter = letterOf(message(), "bunny");
  it.each([
    ["all of them", {}, true],
    ["by the beginning of an id", { id: letter.id.slice(0, 5).toUpperCase() }, true],
    ["by an agent", { agent: "dispatcher" }, true],
    ["by another agent", { agent: "puller" }, false],
    ["by those that no agent put there", { agent: "unknown" }, false],
    ["by a part of the reason", { reason: "four" }, true],
    ["by a part of the body", { match: "ody" }, true],
    ["by a part of the key", { match: "urp.input" }, true],
    ["by a header", { match: "a product" }, true],
    ["by what is nowhere", { match: "nowhere" }, false],
    ["by two that don't both hold", { agent: "dispatcher", reason: "404" }, false],
  ])("%s", (_, selection, expected) => {
    expect(isMeant(selection, letter, message())).toBe(expected);
  });

  it("and counted by agent, reason and queue, the oldest told", () => {
    const older = letterOf(
      message({ headers: { ...message().headers, "x-dead-time": "2026-11-27T20:00:00Z" } }),
      "bunny",
    );
    expect(groupLetters([letterOf(stranger, "bunny"), letter, older])).toEqual([
      {
        ...{ broker: "bunny", agent: "dispatcher", reason: "v00 has four fields", queue: "cmc.urp.input", count: 2 },
        oldestMs: Date.parse("2026-11-27T20:00:00Z"),
      },
      { broker: "bunny", agent: "unknown", reason: "", queue: "", count: 1 },
    ]);
  });
});

describe("what is shown", () => {
  const bad = letterOf(
    message({
      routingKey: hostile,
      body: Buffer.from(hostile),
      headers: {
        [hostile]: hostile,
        ...Object.fromEntries(
          ["agent", "reason", "queue", "exchange", "headers"].map((name) => [`x-dead-${name}`, hostile]),
        ),
      },
    }),
    "bunny",
  );

  it("lets nothing of a stranger's through to the terminal, in no form", () => {
    const survey = { broker: "bunny", letters: [bad], seen: 1, of: 1 };
    const texts = [
      formatLetter(bad),
      formatList([survey], [{ broker: "heron", why: hostile }], 0),
      formatPlan([bad], [{ id: "0", why: hostile }]),
      toPrintableJson(letterJson(bad)),
    ];
    for (const text of texts) expect(text).not.toMatch(controls);
  });

  it("says how many were looked at, of how many", () => {
    const survey = { broker: "bunny", letters: [letterOf(message(), "bunny")], seen: 1, of: 9 };
    expect(formatList([survey], [], Date.parse("2026-11-27T21:50:00Z"))).toMatch(
      /60 min +v00 has four fields[\s\S]*first 1 of 9/,
    );
  });
});
