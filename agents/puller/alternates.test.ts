import { describe, expect, test } from "vitest";
import type { PublishOptions, PublishOutcome } from "../lib/publisher.ts";
import { Alternates, formatReason, provenanceOf, requestFor } from "./alternates.ts";

const topics = { notifyTopic: "v00.urp.notify", twinTopic: "v00.urp.twin", alternateTopic: "v00.urp.alternate" };
const body = Buffer.from("a985c32cbdee8af2ab5d7b8f6022e781 7 http://urp-1/ db/x/p");
const nothing = { headers: {}, marks: {} };
const doubt = { headers: {}, marks: { doubt: true } } as const;
const asked = { headers: {}, marks: { alternate: "urp-1 is dead" } };

test.each([
  ["the dispatcher's first", "v00.urp.notify.x", nothing, { kind: "first", inDoubt: false }],
  ["the dispatcher's first, without a tail", "v00.urp.notify", nothing, { kind: "first", inDoubt: false }],
  [
    "one carried by a shovel",
    "v00.urp.notify.x",
    { headers: { "x-shovelled": [{}] }, marks: {} },
    { kind: "first", inDoubt: true },
  ],
  ["an unconfirmed one", "v00.urp.notify.x", doubt, { kind: "first", inDoubt: true }],
  ["a twin", "v00.urp.twin.x", asked, { kind: "twin", winnerReason: "urp-1 is dead" }],
  ["a twin without a reason", "v00.urp.twin.x", nothing, { kind: "twin", winnerReason: "no reason given" }],
  ["a first that is marked as a twin", "v00.urp.notify.x", asked, { kind: "first", inDoubt: false }],
  ["another feed's", "v00.dd.notify.x", doubt, { kind: "foreign" }],
  ["one whose topic only begins like ours", "v00.urp.notify2.x", nothing, { kind: "foreign" }],
])("%s is recognized by its topic and the marks that belong there", (_, routingKey, said, provenance) => {
  expect(provenanceOf({ routingKey, ...said, body }, topics)).toEqual(provenance);
});

describe("a request", () => {
  test("has the announcement's tail, headers and times, not its other marks, and the reason", () => {
    const marks = { doubt: true, closedMs: 1_421_777_341_812 } as const;
    const said = { marks, headers: { filename: "p" }, timestampSeconds: 1_421_777_342 };
    const announced = { routingKey: "v00.urp.notify.a.b", body, ...said };
    expect(requestFor(announced, "dead", topics)).toEqual({
      routingKey: "v00.urp.alternate.a.b",
      options: {
        headers: { filename: "p", "x-warren-reason": "dead", "x-warren-closed": "1421777341812" },
        contentType: "text/plain",
        timestampSeconds: 1_421_777_342,
      },
    });
  });

  test("has no tail if the topic would be too long", () => {
    const routingKey = `v00.urp.notify.${"é".repeat(119)}`;
    expect(requestFor({ routingKey, body, ...nothing }, "dead", topics).routingKey).toBe("v00.urp.alternate");
  });
});

describe("a reason", () => {
  test("names its reporter", () => {
    expect(formatReason("dead (3 tries)", "puller@pds-1")).toBe("dead (3 tries) [puller@pds-1]");
  });

  test.each([
    ["one byte per letter", "x"],
    ["three bytes per letter", "€"],
    ["two UTF-16 units per letter", "🐇"],
  ])("fits a header, cut between letters and with its reporter: %s", (_, letter) => {
    const reason = formatReason(letter.repeat(300), "puller@pds-1");
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(255);
    expect(Buffer.byteLength(reason)).toBeGreaterThan(250);
    expect(reason).toMatch(/… \[puller@pds-1\]$/);
    expect(Buffer.from(reason).toString()).toBe(reason);
    expect(reason.isWellFormed()).toBe(true);
  });

  test("fits whatever the host's name", () => {
    const reason = formatReason("x".repeat(300), "h".repeat(300));
    expect(Buffer.byteLength(reason)).toBeLessThanOrEqual(255);
  });
});

/** A broker that answers each publish with the next outcome; the last one repeats. */
function arrange(outcomes: PublishOutcome[]) {
  const sent: { routingKey: string; options: PublishOptions | undefined }[] = [];
  const session = {
    ready: async () => {},
    async publish(_exchange: string, routingKey: string, _body: Buffer, options?: PublishOptions) {
      const outcome = outcomes[Math.min(sent.length, outcomes.length - 1)] ?? "lost";
      sent.push({ routingKey, options });
      return outcome;
    },
  };
  const retry = { minMs: 1, maxMs: 2 };
  return { alternates: new Alternates({ session, exchange: "cmc", topics, who: "puller@pds-1", retry }), sent };
}

describe("asking", () => {
  const announced = { routingKey: "v00.urp.notify.x", headers: { filename: "p" }, marks: {}, body };
  const never = new AbortController().signal;

  test("is done once the broker has the request, and is sent again until then", async () => {
    const { alternates, sent } = arrange(["lost", "nacked", "lost", "confirmed"]);
    expect((await alternates.ask(announced, "dead", never)).ok).toBe(true);
    expect(sent).toHaveLength(4);
    // A request that no queue accepts must come back: `mandatory` is the default.
    for (const { options } of sent) expect(options).not.toHaveProperty("mandatory");
  });

  test("is impossible if no queue accepts it", async () => {
    const { alternates } = arrange(["returned"]);
    expect(await alternates.ask(announced, "dead", never)).toEqual({
      ok: false,
      reason: "no queue accepts requests under v00.urp.alternate.x",
    });
  });

  test("ends when the announcement is no longer ours, also while waiting for a confirm", async () => {
    const abort = new AbortController();
    const session = { ready: async () => {}, publish: () => new Promise<PublishOutcome>(() => {}) };
    const asking = new Alternates({ session, exchange: "cmc", topics, who: "x" }).ask(announced, "dead", abort.signal);
    setImmediate(() => abort.abort(new Error("gone")));
    await expect(asking).rejects.toThrow("gone");
  });
});
