import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { deadLetterExchange } from "../../../agents/lib/topology.ts";
import { fixtureConfig } from "../../../infra/model/fixture.ts";
import { toJson } from "../../lib/options.ts";
import { idOf, letterOf, type Message, originOf, ownHeaders } from "./letter.ts";
import { originsAt } from "./origins.ts";
import { Quiet } from "./quiet.ts";
import { formatLetter, formatList, formatPlan, letterJson, printable } from "./report.ts";
import { groupLetters, isSelected } from "./select.ts";

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
const origins = new Set(["cmc"]);
const bunny = { broker: "bunny", origins };
const stranger = message({ headers: {}, body: Buffer.from([0, 255, 27]) });
const hostile = "\u001b]0;pwned\u0007\u202e\u009b2J";
// biome-ignore lint/suspicious/noControlCharactersInRegex: it looks for them
const controls = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

describe("a letter", () => {
  it("has its agent's headers apart from its own ones", () => {
    expect(letterOf(message(), bunny)).toMatchObject({
      ...{ broker: "bunny", agent: "dispatcher", reason: "v00 has four fields", queue: "cmc.urp.input" },
      ...{ atMs: Date.parse("2026-11-27T20:50:00Z"), origin: { exchange: "cmc", routingKey: "v00.urp.input.a" } },
      ...{ headers: [{ name: "filename", value: "'a product'" }], bodyBytes: 4 },
    });
    expect(ownHeaders(message({ marks: { doubt: true } }))).toEqual({ filename: "a product", "x-warren-doubt": "1" });
  });

  it("has the same id while it is in its queue, and a different id from others", () => {
    expect(idOf(message())).toBe(idOf(message()));
    expect(idOf(message())).toMatch(/^[0-9a-f]{12}$/);
    const others = [
      message({ body: Buffer.from("bodx") }),
      message({ messageId: "p-2" }),
      message({ routingKey: "b" }),
      message({ timestampSeconds: 1 }),
      message({ contentType: "text/plain" }),
      ...["exchange", "key", "agent", "later"].map((name) =>
        message({ headers: { ...message().headers, [`x-dead-${name}`]: "x" } }),
      ),
      message({ headers: { ...message().headers, "x-dead-exchange": { not: "a text" } } }),
    ];
    expect(new Set([message(), ...others].map(idOf)).size).toBe(1 + others.length);
    // A broker counts deliveries in a header.
    expect(idOf(message({ headers: { ...message().headers, "x-delivery-count": 2 } }))).toBe(idOf(message()));
    expect(idOf(message({ headers: Object.fromEntries(Object.entries(message().headers).toReversed()) }))).toBe(
      idOf(message()),
    );
    // The boundary between parts matters.
    expect(idOf(message({ exchange: "a", routingKey: "bc" }))).not.toBe(
      idOf(message({ exchange: "ab", routingKey: "c" })),
    );
  });

  it("from outside has no agent, and can't be replayed", () => {
    const letter = letterOf(stranger, bunny);
    expect(letter.agent).toBeUndefined();
    expect(letter.origin).toMatchObject({ why: expect.stringContaining("x-dead-exchange") });
  });

  it("is replayed with the key that it had before it was shortened", () => {
    const headers = { "x-dead-exchange": "cmc", "x-dead-key": "the.whole.key" };
    expect(originOf({ routingKey: "the.wh", headers }, origins)).toEqual({
      exchange: "cmc",
      routingKey: "the.whole.key",
    });
  });

  it.each([
    ["", "the default exchange is not"],
    ["amq.topic", "amq.topic is not"],
    ["cmc.dead", "cmc.dead is not"],
    ["x".repeat(300), `${"x".repeat(60)}… is not`],
  ])("can't be replayed to exchange %j, whatever its headers say", (exchange, beginning) => {
    const headers = { "x-dead-exchange": exchange };
    const letter = letterOf(message({ headers }), bunny);
    const why = `${beginning} an exchange that agents of this stack read: inspect the message with show, then drop it or publish it by hand`;
    expect(letter.origin).toEqual({ why });
    expect(formatLetter(letter)).toContain(why);
  });

  it("can't be replayed with a key that is not valid UTF-8", () => {
    expect(originOf(message({ routingKey: "v00.\ufffd" }), origins)).toMatchObject({
      why: expect.stringContaining("UTF-8"),
    });
  });

  it("is bounded, whatever headers it has", () => {
    let deep: unknown = "x";
    for (let level = 0; level < 5000; level++) deep = { deep };
    const many = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`h${index}`, "v".repeat(5000)]));
    const letter = letterOf(
      message({ headers: { deep, ...many, "x-dead-reason": "r".repeat(9999) }, body: Buffer.alloc(5 << 20) }),
      bunny,
    );
    expect(formatLetter(letter).length).toBeLessThan(10_000);
    expect(letter.moreHeaders).toBe(981);
    expect(letter.bodyStart.buffer.byteLength).toBeLessThan(1 << 20);
  });
});

describe("letters may be replayed", () => {
  it("to the exchange of the announcements at its own broker, and to those of receivers and bridges at theirs", () => {
    const config = fixtureConfig();
    expect(originsAt(config, config.announcements.broker)).toEqual(new Set([config.announcements.exchange]));
    const at = ({ broker }: { readonly broker: string }) => broker === "wxo-b1";
    const read = [
      ...Object.values(config.receivers).flatMap((one) => (at(one) ? [one.exchange] : [])),
      ...Object.values(config.bridges).flatMap((one) => (at(one) ? [one.from.exchange] : [])),
    ];
    expect(read).not.toEqual([]);
    expect(originsAt(config, "wxo-b1")).toEqual(new Set(read));
    expect(originsAt(config, "hare")).toEqual(new Set());
  });

  it("but not to the exchange of dead letters, even if a receiver reads it", () => {
    const config = fixtureConfig();
    const [name = "", receiver] = Object.entries(config.receivers)[0] ?? [];
    if (!receiver) throw new Error("no receiver");
    const changed = { ...config, bridges: {}, receivers: { [name]: { ...receiver, exchange: deadLetterExchange } } };
    expect(originsAt(changed, receiver.broker)).toEqual(new Set());
  });
});

describe("a broker is quiet", () => {
  const quietMs = 1000;
  let bytesRead: number;
  let isQuiet: boolean;
  let quiet: Quiet;
  beforeEach(() => {
    vi.useFakeTimers();
    bytesRead = 5000;
    isQuiet = false;
    const onQuiet = () => {
      isQuiet = true;
    };
    quiet = new Quiet(() => bytesRead, quietMs, onQuiet);
  });
  afterEach(() => {
    quiet.end();
    vi.useRealTimers();
  });
  const pass = (bytes: number) => {
    bytesRead += bytes;
    vi.advanceTimersByTime(quietMs);
    return isQuiet;
  };

  it("but not while a large message arrives on a slow line", () => {
    for (let part = 0; part < 100; part++) expect(pass(20_000)).toBe(false);
    expect(pass(0)).toBe(true);
  });

  it("when only heartbeats arrive", () => {
    expect(pass(24)).toBe(true);
  });

  it("later if a message has arrived", () => {
    vi.advanceTimersByTime(quietMs - 1);
    quiet.refresh();
    vi.advanceTimersByTime(quietMs - 1);
    expect(isQuiet).toBe(false);
    expect(pass(0)).toBe(true);
  });
});

describe("letters are selected", () => {
  const letter = letterOf(message(), bunny);
  it.each([
    ["all, by no criteria", {}, true],
    ["by the beginning of an id", { id: letter.id.slice(0, 5).toUpperCase() }, true],
    ["by an agent", { agent: "dispatcher" }, true],
    ["by another agent", { agent: "puller" }, false],
    ["by unknown agents", { agent: "unknown" }, false],
    ["by text in the reason", { reason: "four" }, true],
    ["by text in the body", { match: "ody" }, true],
    ["by text in the key", { match: "urp.input" }, true],
    ["by a header", { match: "a product" }, true],
    ["by text that does not occur", { match: "nowhere" }, false],
    ["by two criteria that don't both match", { agent: "dispatcher", reason: "404" }, false],
  ])("%s", (_, selection, expected) => {
    expect(isSelected(selection, letter, message())).toBe(expected);
  });

  it("and counted by agent, reason and queue, with the oldest time", () => {
    const older = letterOf(
      message({ headers: { ...message().headers, "x-dead-time": "2026-11-27T20:00:00Z" } }),
      bunny,
    );
    expect(groupLetters([letterOf(stranger, bunny), letter, older])).toEqual([
      {
        ...{ broker: "bunny", agent: "dispatcher", reason: "v00 has four fields", queue: "cmc.urp.input", count: 2 },
        oldestMs: Date.parse("2026-11-27T20:00:00Z"),
      },
      { broker: "bunny", agent: "unknown", reason: "", queue: "", count: 1 },
    ]);
  });
});

describe("the output", () => {
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
    bunny,
  );

  it("contains no foreign control characters, in any form", () => {
    const survey = { broker: "bunny", letters: [bad], seen: 1, of: 1 };
    const texts = [
      formatLetter(bad),
      formatList([survey], [{ broker: "heron", why: hostile }], 0),
      formatPlan([bad], [{ id: "0", why: hostile }]),
      toJson(printable(letterJson(bad))),
    ];
    for (const text of texts) expect(text).not.toMatch(controls);
  });

  it("counts every message in the plan, even with more rows than are shown", () => {
    const one = (reason: string, agent: string, count = 1) =>
      Array.from({ length: count }, () =>
        letterOf(message({ headers: { ...message().headers, "x-dead-reason": reason, "x-dead-agent": agent } }), bunny),
      );
    const shown = Array.from({ length: 40 }, (_, index) => one(`reason ${index}`, "flood", 2)).flat();
    const more = Array.from({ length: 10 }, (_, index) => one(`more ${index}`, "flood")).flat();
    const plan = formatPlan([...one("hidden", "puller"), ...shown, ...more], []).split("\n");
    expect(plan.slice(1, 41).every((line) => /^bunny +flood +cmc +2 +reason \d+$/.test(line))).toBe(true);
    expect(plan.slice(41)).toEqual([
      expect.stringMatching(/^bunny +flood +cmc +10 +… and 10 more$/),
      expect.stringMatching(/^bunny +puller +cmc +1 +… and 1 more$/),
      "",
    ]);
    const agents = Array.from({ length: 100 }, (_, index) => one("", `agent ${index}`)).flat();
    expect(formatPlan(agents, [])).toMatch(/\n… and 20 more agents or exchanges, of 20 messages\n$/);
  });

  it("shows how many messages were read, out of how many", () => {
    const survey = { broker: "bunny", letters: [letterOf(message(), bunny)], seen: 1, of: 9 };
    expect(formatList([survey], [], Date.parse("2026-11-27T21:50:00Z"))).toMatch(
      /60 min +v00 has four fields[\s\S]*first 1 of 9/,
    );
  });
});
