import { describe, expect, test, vi } from "vitest";
import type { Marks } from "../lib/headers.ts";
import { LocalFault } from "../lib/receiver-queue.ts";
import type { Result } from "../lib/result.ts";
import { configSchema } from "./config.ts";
import type { DownloadOptions, Outcome } from "./download.ts";
import type { Inquiry } from "./peer-message.ts";
import type { PullerPorts } from "./ports.ts";
import { Puller } from "./puller.ts";
import type { Receipt } from "./receipts.ts";

const config = configSchema.parse({
  broker: { hosts: ["localhost"], user: "u", passwordFile: "p" },
  metrics: { port: 0 },
  receiverQueueDirectory: "/rxq",
  retriesMax: 2,
  retryDelayMinMs: 1,
  retryDelayMaxMs: 1,
  localRetryDelayMaxMs: 10,
  localHoldMs: 1000,
  triesBeforeAlternate: 2,
  alternateAfterMs: 600_000,
});
const full = () => new LocalFault("/rxq", Object.assign(new Error("no space"), { code: "ENOSPC" }));
const whole: Outcome = { kind: "whole" };
const refused: Outcome = { kind: "fault", cause: "network", text: "connect ECONNREFUSED", silent: true };
const nobody: Result<void> = { ok: false, reason: "no queue takes it" };
const busy: Outcome = { kind: "fault", cause: "server", text: "the server answers 503" };

/** A puller in a world of its own: `outcomes` are those of the tries in turn, the last one repeats. */
function arrange(
  outcomes: (Outcome | Error)[],
  more: Partial<PullerPorts> = {},
  settings: Partial<typeof config> = {},
) {
  const log: string[] = [];
  const placed: string[] = [];
  const asked: string[] = [];
  const notes: string[] = [];
  const receipts: Receipt[] = [];
  let tries = 0;
  let nowMs = 0;
  const place = vi.fn(async (name: string) => void placed.push(name));
  const ports: PullerPorts = {
    async download({ onChunk }: DownloadOptions) {
      const outcome = outcomes[Math.min(tries++, outcomes.length - 1)];
      if (outcome === undefined || outcome instanceof Error) throw outcome;
      await onChunk(Buffer.from("product"));
      return outcome;
    },
    async receive() {
      return {
        part: `.pull-1-${tries}.part`,
        size: 7,
        write: async () => {},
        place,
        discard: async () => void log.push("discard"),
      };
    },
    sizeOf: async () => undefined,
    ask: async (_, what) => {
      asked.push(what);
      return { ok: true, value: undefined };
    },
    placing: async (_, part) => void notes.push(`placing ${part}`),
    dropped: (part) => notes.push(`dropped ${part}`) > 0,
    askOthers: async () => "nothing",
    sendReceipt: (receipt) => void receipts.push(receipt),
    now: () => (nowMs += 400),
    events: {
      pulled: (order, bytes, _, from) =>
        log.push(`pulled ${order.fileName} ${bytes}${from === "first" ? "" : ` ${from}`}`),
      alreadyThere: (order, where) => log.push(`there ${order.fileName}${where === "here" ? "" : ` ${where}`}`),
      retried: (_, cause) => log.push(`retried ${cause}`),
      alternateAsked: (what) => log.push(`asked: ${what}`),
      askedBefore: (order) => log.push(`asked before ${order.fileName}`),
      alternateRefused: (reason) => log.push(`refused: ${reason}`),
      gaveUp: (reason) => log.push(`gave up: ${reason}`),
      originSilent: ({ origin }) => log.push(`silent ${origin}`),
      originAnswered: (origin) => log.push(`answers ${origin}`),
      localFault: (fault) => log.push(`local ${fault.code}`),
      localCleared: () => log.push("cleared"),
    },
    ...more,
  };
  return {
    puller: new Puller({ ...config, ...settings }, ports),
    log,
    placed,
    asked,
    notes,
    place,
    receipts,
    tries: () => tries,
  };
}

const key = "a985c32cbdee8af2ab5d7b8f6022e781";
const announced = (redelivered = false, signal = new AbortController().signal) => ({
  routingKey: "v00.urp.notify.x",
  headers: {} as Record<string, unknown>,
  marks: {} as Marks,
  body: Buffer.from(`${key} 7 http://urp-1/ db/p`),
  redelivered,
  timestampSeconds: 1_421_777_342,
  signal,
});
/** The other server's announcement of the same product, after somebody asked for it. */
const twin = (redelivered = false) => ({
  ...announced(redelivered),
  routingKey: "v00.urp.twin.x",
  marks: { alternate: "http://urp-1: 404 (2 tries) [puller@pds-2]" },
  body: Buffer.from(`${key} 8 http://urp-2/ db/p2`),
});
const withoutDispatcher = { ask: async () => nobody };

test("a whole product is placed, then acked", async () => {
  const { puller, placed, log } = arrange([whole]);
  expect(await puller.handle(announced())).toBe("ack");
  expect(placed).toEqual(["p"]);
  expect(log).toEqual(["pulled p 7"]);
});

test("a fault of the server is tried again, and what came of it is discarded", async () => {
  const { puller, placed, log } = arrange([busy, whole]);
  expect(await puller.handle(announced())).toBe("ack");
  expect(log).toEqual(["discard", "retried server", "pulled p 7"]);
  expect(placed).toEqual(["p"]);
});

test("after the last retry it is a dead letter with the reason, and nothing is placed", async () => {
  const { puller, placed, tries } = arrange([busy], {}, { alternates: false });
  expect(await puller.handle(announced())).toEqual({ deadLetter: "the server answers 503 (3 tries)" });
  expect(tries()).toBe(3);
  expect(placed).toEqual([]);
});

test("a malformed announcement is a dead letter without a try", async () => {
  const { puller, tries } = arrange([whole]);
  expect(await puller.handle({ ...announced(), body: Buffer.from("x") })).toMatchObject({
    deadLetter: expect.stringContaining("malformed announcement"),
  });
  expect(tries()).toBe(0);
});

test("a full disk is told once and waited for, without using up the retries", async () => {
  const { puller, placed, log } = arrange([full(), full(), full(), full(), whole], {}, { localHoldMs: 100_000 });
  expect(await puller.handle(announced())).toBe("ack");
  expect(placed).toEqual(["p"]);
  expect(log.filter((line) => line !== "discard")).toEqual(["local ENOSPC", "cleared", "pulled p 7"]);
});

test("a disk that stays full sends the announcement back to the queue, where another puller may have it", async () => {
  const { puller } = arrange([full()]);
  expect(await puller.handle(announced())).toBe("requeue");
  expect(puller.localFault?.message).toContain("the disk of /rxq is full");
});

test("an announcement given out again whose product is there is acked without a second pull", async () => {
  const { puller, log, tries } = arrange([whole], { sizeOf: async () => 7 });
  expect(await puller.handle(announced(true))).toBe("ack");
  expect(log).toEqual(["there p"]);
  expect(tries()).toBe(0);
});

test("the same where it was ingested meanwhile, as long as this process placed it", async () => {
  const { puller, placed } = arrange([whole]);
  await puller.handle(announced());
  expect(await puller.handle(announced(true))).toBe("ack");
  expect(placed).toEqual(["p"]);
});

test("an announcement given out again is pulled when what is there has another size", async () => {
  const { puller, placed } = arrange([whole], { sizeOf: async () => 6 });
  await puller.handle(announced(true));
  expect(placed).toEqual(["p"]);
});

test("nothing is placed once the announcement was given to another puller", async () => {
  const abort = new AbortController();
  const { puller, placed } = arrange([whole], {
    async download() {
      abort.abort();
      return whole;
    },
  });
  expect(await puller.handle(announced(false, abort.signal))).toBe("requeue");
  expect(placed).toEqual([]);
});

test("stopping ends a wait for the next try: back to the queue", async () => {
  const { puller } = arrange([busy], {}, { retryDelayMinMs: 60_000, retryDelayMaxMs: 60_000 });
  const handled = puller.handle(announced());
  setImmediate(() => puller.stop());
  expect(await handled).toBe("requeue");
});

describe("a product that can't be pulled from the server that announced it first", () => {
  test("is asked for after few tries, and its announcement is acked", async () => {
    const { puller, asked, tries, placed } = arrange([busy]);
    expect(await puller.handle(announced())).toBe("ack");
    expect(asked).toEqual(["http://urp-1: the server answers 503 (2 tries)"]);
    expect([tries(), placed]).toEqual([2, []]);
  });

  test("is asked for after the first try where that took long", async () => {
    // By the clock of this test, which goes on by 400 ms each time it is read.
    const { puller, tries } = arrange([busy], {}, { alternateAfterMs: 400 });
    expect(await puller.handle(announced())).toBe("ack");
    expect(tries()).toBe(1);
  });

  test("is tried to the end where nobody can be asked, and put aside with both reasons", async () => {
    const { puller, tries, log } = arrange([busy], withoutDispatcher);
    const reason = "the server answers 503 (3 tries); no other announcement could be asked for: no queue takes it";
    expect(await puller.handle(announced())).toEqual({ deadLetter: reason });
    expect(tries()).toBe(3);
    expect(log.filter((line) => line.startsWith("refused"))).toEqual(["refused: no queue takes it"]);
  });

  test("is still pulled by a later try where nobody can be asked", async () => {
    const { puller, placed } = arrange([busy, busy, whole], withoutDispatcher);
    expect(await puller.handle(announced())).toBe("ack");
    expect(placed).toEqual(["p"]);
  });

  test.each([
    ["of another feed, which has no dispatcher to ask", { routingKey: "v00.dd.notify.x" }, {}],
    ["where that is turned off", {}, { alternates: false }],
  ])("is not asked for %s", async (_, own, settings) => {
    const { puller, asked, tries } = arrange([busy], {}, settings);
    expect(await puller.handle({ ...announced(), ...own })).toEqual({ deadLetter: "the server answers 503 (3 tries)" });
    expect([asked, tries()]).toEqual([[], 3]);
  });

  test("is asked for at once where its host is not allowed: the twin's may be", async () => {
    const { puller, asked, tries } = arrange([whole], {}, { allowedHosts: ["urp-2"] });
    expect(await puller.handle(announced())).toBe("ack");
    expect([asked, tries()]).toEqual([["host urp-1 is not among allowedHosts"], 0]);
    expect(await puller.handle(twin())).toBe("ack");
    expect(tries()).toBe(1);
  });

  test("is not asked for where it is too large, or no announcement: a twin would be no better", async () => {
    const { puller, asked } = arrange([whole], {}, { productBytesMax: 6 });
    expect(await puller.handle(announced())).toEqual({ deadLetter: "the product has 7 bytes, productBytesMax is 6" });
    expect(await puller.handle({ ...announced(), body: Buffer.from("x") })).toHaveProperty("deadLetter");
    expect(asked).toEqual([]);
  });

  test("is asked for once by this puller, also when the ack of its announcement was lost", async () => {
    const { puller, asked, log } = arrange([busy]);
    await puller.handle(announced());
    expect(await puller.handle(announced(true))).toBe("ack");
    expect(asked).toHaveLength(1);
    expect(log.at(-1)).toBe("asked before p");
  });

  test("goes back to the queue when the agent stops before the request is out", async () => {
    const ask: PullerPorts["ask"] = (_a, _w, signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { puller, log } = arrange([busy], { ask });
    const handled = puller.handle(announced());
    await expect.poll(() => log.includes("retried server"), { timeout: 8000 }).toBe(true);
    puller.stop();
    expect(await handled).toBe("requeue");
  });
});

describe("a twin that was asked for", () => {
  test("is pulled like any product", async () => {
    const { puller, placed, log } = arrange([whole]);
    expect(await puller.handle(twin())).toBe("ack");
    expect([placed, log]).toEqual([["p2"], ["pulled p2 7 twin"]]);
  });

  test("gets all tries, and is put aside with both reasons: nobody is asked again", async () => {
    const { puller, asked, tries } = arrange([refused]);
    expect(await puller.handle(twin())).toEqual({
      deadLetter:
        "both failed: first: http://urp-1: 404 (2 tries) [puller@pds-2]; then: connect ECONNREFUSED (3 tries)",
    });
    expect([asked, tries()]).toEqual([[], 3]);
  });

  test("is put aside with both reasons where its own announcement is refused", async () => {
    const { puller, asked } = arrange([whole], {}, { allowedHosts: ["urp-1"] });
    expect(await puller.handle(twin())).toEqual({
      deadLetter: expect.stringMatching(/^both failed: first: .*404.*; then: host urp-2 is not among allowedHosts$/),
    });
    expect(asked).toEqual([]);
  });

  test("is not placed beside the winner that this process placed, under another name and size", async () => {
    const { puller, placed, log, receipts } = arrange([whole]);
    await puller.handle(announced());
    expect(await puller.handle(twin())).toBe("ack");
    expect([placed, log.at(-1)]).toEqual([["p"], "there p2"]);
    expect(receipts).toHaveLength(2);
  });

  test("nor is the winner placed beside it, when its announcement comes again or in doubt", async () => {
    const { puller, placed } = arrange([whole]);
    await puller.handle(twin());
    await puller.handle(announced(true));
    await puller.handle({ ...announced(), marks: { doubt: true } });
    expect(placed).toEqual(["p2"]);
  });

  test("waits for the winner where that is in hand just now", async () => {
    const gate = Promise.withResolvers<Outcome>();
    const { puller, placed } = arrange([], { download: () => gate.promise });
    const both = [puller.handle(announced()), puller.handle(twin())];
    gate.resolve(whole);
    expect(await Promise.all(both)).toEqual(["ack", "ack"]);
    expect(placed).toEqual(["p"]);
  });

  test("is pulled where the winner in hand just now can't be", async () => {
    const outcomes: Outcome[] = [busy, busy, whole];
    const { puller, placed } = arrange(outcomes);
    expect(await Promise.all([puller.handle(announced()), puller.handle(twin())])).toEqual(["ack", "ack"]);
    expect(placed).toEqual(["p2"]);
  });
});

test("the dispatcher's next first announcement of a name is a new product, whatever was placed before", async () => {
  const { puller, placed } = arrange([whole]);
  await puller.handle(announced());
  await puller.handle({ ...announced(), body: Buffer.from(`${key} 9 http://urp-2/ db/p9`) });
  expect(placed).toEqual(["p", "p9"]);
});

test("after placedRememberedSeconds a twin is of a new product too", async () => {
  const { puller, placed } = arrange([whole], {}, { placedRememberedSeconds: 0 });
  await puller.handle(announced());
  await puller.handle(twin());
  expect(placed).toEqual(["p", "p2"]);
});

describe("what may be placed when this process is killed", () => {
  test("is noted before, and what was placed is left at that", async () => {
    const { puller, notes } = arrange([whole]);
    await puller.handle(announced());
    expect(notes).toEqual(["placing .pull-1-0.part"]);
  });

  test("is noted as not placed where the folder does not take it, and then discarded", async () => {
    const { puller, notes, log, place } = arrange([whole], {}, { localHoldMs: 0 });
    place.mockRejectedValueOnce(full());
    expect(await puller.handle(announced())).toBe("requeue");
    expect(notes).toEqual(["placing .pull-1-0.part", "dropped .pull-1-0.part"]);
    expect(log).toContain("discard");
  });

  test("stays in the folder, as the proof, where that can't be noted", async () => {
    const { puller, log, place } = arrange([whole], { dropped: () => false }, { localHoldMs: 0 });
    place.mockRejectedValueOnce(full());
    expect(await puller.handle(announced())).toBe("requeue");
    expect(log).not.toContain("discard");
  });

  test("is not placed where the announcement is given to another puller meanwhile", async () => {
    const abort = new AbortController();
    const { puller, notes, placed } = arrange([whole], { placing: async () => abort.abort() });
    expect(await puller.handle(announced(false, abort.signal))).toBe("requeue");
    expect([notes, placed]).toEqual([["dropped .pull-1-0.part"], []]);
  });

  test("is known to the next process, without the file", async () => {
    const about: Inquiry = {
      ...{ key, url: "http://urp-1/db/p", fileName: "p", sizeBytes: 7, firstArrivalSeconds: 1_421_777_342 },
      ...{ kind: "first", inDoubt: false },
    };
    const { puller, placed, receipts } = arrange([whole]);
    puller.recall([{ about, ageMs: 60_000 }]);
    expect(await puller.handle(announced(true))).toBe("ack");
    expect([placed, receipts.length]).toEqual([[], 1]);
    expect(await puller.answer({ ...about, inDoubt: true }, new AbortController().signal)).toBe("placed");
  });
});

describe("a server that gives no answer", () => {
  const other = (redelivered = false) => ({
    ...announced(redelivered),
    body: Buffer.from(`${key.replace("a", "b")} 7 http://urp-1/ db/q`),
  });

  test("is taken for dead: then its products are asked for at once, without a try", async () => {
    const { puller, asked, tries, log } = arrange([refused], {}, { originFaultsMax: 2 });
    await puller.handle(announced());
    expect(log).toContain("silent http://urp-1");
    expect(puller.silentOrigins).toMatchObject([{ origin: "http://urp-1", text: "connect ECONNREFUSED" }]);
    const triesBefore = tries();
    expect(await puller.handle(other())).toBe("ack");
    expect(tries()).toBe(triesBefore);
    expect(asked[1]).toMatch(/^not tried: http:\/\/urp-1 has given no answer for \d+ s \(connect ECONNREFUSED\)$/);
  });

  test("is tried again by a probe, and then pulled from as before", async () => {
    const settings = { originFaultsMax: 2, originProbeMinMs: 10, originProbeMaxMs: 10 };
    const { puller, placed, log } = arrange([refused, refused, refused, whole], {}, settings);
    await puller.handle(announced());
    // The clock of this test goes on by 400 ms each time it is read; a probe that takes long is not repeated soon.
    for (let count = 0; count < 20 && placed.length === 0; count += 1) await puller.handle(other());
    expect(placed).toEqual(["q"]);
    expect(log).toContain("answers http://urp-1");
    expect(puller.silentOrigins).toEqual([]);
  });

  test("is tried for each of its products all the same where nobody can be asked", async () => {
    const { puller, tries } = arrange([refused], withoutDispatcher, { originFaultsMax: 1 });
    await puller.handle(announced());
    expect(tries()).toBe(3);
    await puller.handle(other());
    expect(tries()).toBe(6);
  });

  test("does not spoil the twins' tries, which nobody else can be asked for", async () => {
    const { puller, tries } = arrange([refused], {}, { originFaultsMax: 1 });
    await puller.handle({ ...twin(), body: announced().body });
    expect(tries()).toBe(3);
  });
});

describe("a receipt", () => {
  test("is sent when the product is in place, with the time of its first arrival", async () => {
    const { puller, receipts, placed } = arrange([busy, whole]);
    await puller.handle(announced());
    expect(receipts).toEqual([{ key, timestampSeconds: 1_421_777_342 }]);
    expect(placed).toEqual(["p"]);
  });

  test("is sent again with what was placed before: the first one may have been lost with the ack", async () => {
    const { puller, receipts } = arrange([whole], { sizeOf: async () => 7 });
    await puller.handle(announced(true));
    expect(receipts).toHaveLength(1);
  });

  test.each([
    ["what could not be pulled", [busy], {}, {}],
    ["products of another feed", [whole], { routingKey: "v00.dd.notify.x" }, {}],
    ["anything, where that is turned off", [whole], {}, { receipts: false }],
  ])("is not sent for %s", async (_, outcomes, own, settings) => {
    const { puller, receipts } = arrange(outcomes, {}, settings);
    await puller.handle({ ...announced(), ...own });
    expect(receipts).toEqual([]);
  });

  test("is not waited for", async () => {
    const sent: Receipt[] = [];
    const { puller } = arrange([whole], { sendReceipt: (receipt) => void sent.push(receipt) });
    expect(await puller.handle(announced())).toBe("ack");
    expect(sent).toHaveLength(1);
  });
});
