import { describe, expect, test, vi } from "vitest";
import type { DownloadOptions, Outcome } from "../lib/download.ts";
import type { Marks } from "../lib/headers.ts";
import type { Receipt } from "../lib/receipts.ts";
import { LocalFault } from "../lib/receiver-queue.ts";
import type { Result } from "../lib/result.ts";
import { configSchema } from "./config.ts";
import type { Inquiry } from "./peer-message.ts";
import type { PullerPorts } from "./ports.ts";
import { Puller } from "./puller.ts";

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
const complete: Outcome = { kind: "complete" };
const refused: Outcome = { kind: "fault", cause: "network", text: "connect ECONNREFUSED", silent: true };
const nobody: Result<void> = { ok: false, reason: "no queue takes it" };
const busy: Outcome = { kind: "fault", cause: "server", text: "the server answers 503" };

/** A puller with simulated ports: `outcomes` are those of the attempts in turn, the last one repeats. */
function arrange(
  outcomes: (Outcome | Error)[],
  more: Partial<PullerPorts> = {},
  settings: Partial<typeof config> = {},
) {
  const log: string[] = [];
  const placed: string[] = [];
  const asked: string[] = [];
  const notes: string[] = [];
  const receipts: (Receipt & { readonly placed: boolean })[] = [];
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
    sendReceipt: (receipt, how) => void receipts.push({ ...receipt, ...how }),
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
/** The other server's announcement of the same product, after a request for it. */
const twin = (redelivered = false) => ({
  ...announced(redelivered),
  routingKey: "v00.urp.twin.x",
  marks: { alternate: "http://urp-1: 404 (2 tries) [puller@pds-2]" },
  body: Buffer.from(`${key} 8 http://urp-2/ db/p2`),
});
const withoutDispatcher = { ask: async () => nobody };

test("a complete product is placed, then acked", async () => {
  const { puller, placed, log } = arrange([complete]);
  expect(await puller.handle(announced())).toBe("ack");
  expect(placed).toEqual(["p"]);
  expect(log).toEqual(["pulled p 7"]);
});

test("after a fault of the server another attempt is made, and what was received is discarded", async () => {
  const { puller, placed, log } = arrange([busy, complete]);
  expect(await puller.handle(announced())).toBe("ack");
  expect(log).toEqual(["discard", "retried server", "pulled p 7"]);
  expect(placed).toEqual(["p"]);
});

test("after the last retry it is dead-lettered with the reason, and nothing is placed", async () => {
  const { puller, placed, tries } = arrange([busy], {}, { alternates: false });
  expect(await puller.handle(announced())).toEqual({ deadLetter: "the server answers 503 (3 tries)" });
  expect(tries()).toBe(3);
  expect(placed).toEqual([]);
});

test("a malformed announcement is dead-lettered without an attempt", async () => {
  const { puller, tries } = arrange([complete]);
  expect(await puller.handle({ ...announced(), body: Buffer.from("x") })).toMatchObject({
    deadLetter: expect.stringContaining("malformed announcement"),
  });
  expect(tries()).toBe(0);
});

test("a full disk is reported once and waited for, without using up the retries", async () => {
  const { puller, placed, log } = arrange([full(), full(), full(), full(), complete], {}, { localHoldMs: 100_000 });
  expect(await puller.handle(announced())).toBe("ack");
  expect(placed).toEqual(["p"]);
  expect(log.filter((line) => line !== "discard")).toEqual(["local ENOSPC", "cleared", "pulled p 7"]);
});

test("if a disk stays full, the announcement is requeued for another puller", async () => {
  const { puller } = arrange([full()]);
  expect(await puller.handle(announced())).toBe("requeue");
  expect(puller.localFault?.message).toContain("the disk of /rxq is full");
});

test("a redelivered announcement whose product is there is acked without a second pull", async () => {
  const { puller, log, tries } = arrange([complete], { sizeOf: async () => 7 });
  expect(await puller.handle(announced(true))).toBe("ack");
  expect(log).toEqual(["there p"]);
  expect(tries()).toBe(0);
});

test("the same if it was ingested meanwhile, as long as this process placed it", async () => {
  const { puller, placed } = arrange([complete]);
  await puller.handle(announced());
  expect(await puller.handle(announced(true))).toBe("ack");
  expect(placed).toEqual(["p"]);
});

test("a redelivered announcement is pulled if the existing file has another size", async () => {
  const { puller, placed } = arrange([complete], { sizeOf: async () => 6 });
  await puller.handle(announced(true));
  expect(placed).toEqual(["p"]);
});

test("nothing is placed once the announcement was redelivered to another puller", async () => {
  const abort = new AbortController();
  const { puller, placed } = arrange([complete], {
    async download() {
      abort.abort();
      return complete;
    },
  });
  expect(await puller.handle(announced(false, abort.signal))).toBe("requeue");
  expect(placed).toEqual([]);
});

test("stopping ends a wait for the next attempt: requeued", async () => {
  const { puller } = arrange([busy], {}, { retryDelayMinMs: 60_000, retryDelayMaxMs: 60_000 });
  const handled = puller.handle(announced());
  setImmediate(() => puller.stop());
  expect(await handled).toBe("requeue");
});

describe("a product that can't be pulled from the server that announced it first", () => {
  test("is requested after a few attempts, and its announcement is acked", async () => {
    const { puller, asked, tries, placed } = arrange([busy]);
    expect(await puller.handle(announced())).toBe("ack");
    expect(asked).toEqual(["http://urp-1: the server answers 503 (2 tries)"]);
    expect([tries(), placed]).toEqual([2, []]);
  });

  test("is requested after the first attempt if that took long", async () => {
    // By this test's clock, which advances by 400 ms each time it is read.
    const { puller, tries } = arrange([busy], {}, { alternateAfterMs: 400 });
    expect(await puller.handle(announced())).toBe("ack");
    expect(tries()).toBe(1);
  });

  test("gets all attempts if it can't be requested, and is dead-lettered with both reasons", async () => {
    const { puller, tries, log } = arrange([busy], withoutDispatcher);
    const reason = "the server answers 503 (3 tries); no other announcement could be requested: no queue takes it";
    expect(await puller.handle(announced())).toEqual({ deadLetter: reason });
    expect(tries()).toBe(3);
    expect(log.filter((line) => line.startsWith("refused"))).toEqual(["refused: no queue takes it"]);
  });

  test("is still pulled by a later attempt if it can't be requested", async () => {
    const { puller, placed } = arrange([busy, busy, complete], withoutDispatcher);
    expect(await puller.handle(announced())).toBe("ack");
    expect(placed).toEqual(["p"]);
  });

  test.each([
    ["of another feed, which has no dispatcher to ask", { routingKey: "v00.dd.notify.x" }, {}],
    ["if that is turned off", {}, { alternates: false }],
  ])("is not requested %s", async (_, own, settings) => {
    const { puller, asked, tries } = arrange([busy], {}, settings);
    expect(await puller.handle({ ...announced(), ...own })).toEqual({ deadLetter: "the server answers 503 (3 tries)" });
    expect([asked, tries()]).toEqual([[], 3]);
  });

  test("is requested at once if its host is not allowed: the twin's may be", async () => {
    const { puller, asked, tries } = arrange([complete], {}, { allowedHosts: ["urp-2"] });
    expect(await puller.handle(announced())).toBe("ack");
    expect([asked, tries()]).toEqual([["host urp-1 is not in allowedHosts"], 0]);
    expect(await puller.handle(twin())).toBe("ack");
    expect(tries()).toBe(1);
  });

  test("is not requested if it is too large, or not an announcement: a twin would be no better", async () => {
    const { puller, asked } = arrange([complete], {}, { productBytesMax: 6 });
    expect(await puller.handle(announced())).toEqual({
      deadLetter: "the product has 7 bytes, more than productBytesMax (6)",
    });
    expect(await puller.handle({ ...announced(), body: Buffer.from("x") })).toHaveProperty("deadLetter");
    expect(asked).toEqual([]);
  });

  test("is requested once by this puller, even if the ack of its announcement was lost", async () => {
    const { puller, asked, log } = arrange([busy]);
    await puller.handle(announced());
    expect(await puller.handle(announced(true))).toBe("ack");
    expect(asked).toHaveLength(1);
    expect(log.at(-1)).toBe("asked before p");
  });

  test("is requeued if the agent stops before the request is sent", async () => {
    const ask: PullerPorts["ask"] = (_a, _w, signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { puller, log } = arrange([busy], { ask });
    const handled = puller.handle(announced());
    await expect.poll(() => log.includes("retried server"), { timeout: 8000 }).toBe(true);
    puller.stop();
    expect(await handled).toBe("requeue");
  });
});

describe("a requested twin", () => {
  test("is pulled like any product", async () => {
    const { puller, placed, log } = arrange([complete]);
    expect(await puller.handle(twin())).toBe("ack");
    expect([placed, log]).toEqual([["p2"], ["pulled p2 7 twin"]]);
  });

  test("gets all attempts, and is dead-lettered with both reasons without another request", async () => {
    const { puller, asked, tries } = arrange([refused]);
    expect(await puller.handle(twin())).toEqual({
      deadLetter:
        "both failed: first: http://urp-1: 404 (2 tries) [puller@pds-2]; then: connect ECONNREFUSED (3 tries)",
    });
    expect([asked, tries()]).toEqual([[], 3]);
  });

  test("is dead-lettered with both reasons if its own announcement is refused", async () => {
    const { puller, asked } = arrange([complete], {}, { allowedHosts: ["urp-1"] });
    expect(await puller.handle(twin())).toEqual({
      deadLetter: expect.stringMatching(/^both failed: first: .*404.*; then: host urp-2 is not in allowedHosts$/),
    });
    expect(asked).toEqual([]);
  });

  test("is not placed beside the winner that this process placed, under another name and size", async () => {
    const { puller, placed, log, receipts } = arrange([complete]);
    await puller.handle(announced());
    expect(await puller.handle(twin())).toBe("ack");
    expect([placed, log.at(-1)]).toEqual([["p"], "there p2"]);
    expect(receipts.map(({ placed }) => placed)).toEqual([true, false]);
  });

  test("nor is the winner placed beside it if its announcement is repeated or unconfirmed", async () => {
    const { puller, placed } = arrange([complete]);
    await puller.handle(twin());
    await puller.handle(announced(true));
    await puller.handle({ ...announced(), marks: { doubt: true } });
    expect(placed).toEqual(["p2"]);
  });

  test("waits for the winner while that is being pulled", async () => {
    const gate = Promise.withResolvers<Outcome>();
    const { puller, placed } = arrange([], { download: () => gate.promise });
    const both = [puller.handle(announced()), puller.handle(twin())];
    gate.resolve(complete);
    expect(await Promise.all(both)).toEqual(["ack", "ack"]);
    expect(placed).toEqual(["p"]);
  });

  test("is pulled if the winner that is being pulled fails", async () => {
    const outcomes: Outcome[] = [busy, busy, complete];
    const { puller, placed } = arrange(outcomes);
    expect(await Promise.all([puller.handle(announced()), puller.handle(twin())])).toEqual(["ack", "ack"]);
    expect(placed).toEqual(["p2"]);
  });
});

test("the dispatcher's next first announcement of a name is a new product, whatever was placed before", async () => {
  const { puller, placed } = arrange([complete]);
  await puller.handle(announced());
  await puller.handle({ ...announced(), body: Buffer.from(`${key} 9 http://urp-2/ db/p9`) });
  expect(placed).toEqual(["p", "p9"]);
});

test("after placedRememberedSeconds a twin is a new product too", async () => {
  const { puller, placed } = arrange([complete], {}, { placedRememberedSeconds: 0 });
  await puller.handle(announced());
  await puller.handle(twin());
  expect(placed).toEqual(["p", "p2"]);
});

describe("a product that is being placed when this process is killed", () => {
  test("is recorded before, and the record stays if it was placed", async () => {
    const { puller, notes } = arrange([complete]);
    await puller.handle(announced());
    expect(notes).toEqual(["placing .pull-1-0.part"]);
  });

  test("is recorded as not placed if the folder does not accept it, and then discarded", async () => {
    const { puller, notes, log, place } = arrange([complete], {}, { localHoldMs: 0 });
    place.mockRejectedValueOnce(full());
    expect(await puller.handle(announced())).toBe("requeue");
    expect(notes).toEqual(["placing .pull-1-0.part", "dropped .pull-1-0.part"]);
    expect(log).toContain("discard");
  });

  test("stays in the folder, as the proof, if that can't be recorded", async () => {
    const { puller, log, place } = arrange([complete], { dropped: () => false }, { localHoldMs: 0 });
    place.mockRejectedValueOnce(full());
    expect(await puller.handle(announced())).toBe("requeue");
    expect(log).not.toContain("discard");
  });

  test("is not placed if the announcement is redelivered to another puller meanwhile", async () => {
    const abort = new AbortController();
    const { puller, notes, placed } = arrange([complete], { placing: async () => abort.abort() });
    expect(await puller.handle(announced(false, abort.signal))).toBe("requeue");
    expect([notes, placed]).toEqual([["dropped .pull-1-0.part"], []]);
  });

  test("is known to the next process, without the file", async () => {
    const about: Inquiry = {
      ...{ key, url: "http://urp-1/db/p", fileName: "p", sizeBytes: 7, firstArrivalSeconds: 1_421_777_342 },
      ...{ kind: "first", inDoubt: false },
    };
    const { puller, placed, receipts } = arrange([complete]);
    puller.recall([{ about, ageMs: 60_000 }]);
    expect(await puller.handle(announced(true))).toBe("ack");
    expect([placed, receipts.length]).toEqual([[], 1]);
    expect(await puller.answer({ ...about, inDoubt: true }, new AbortController().signal)).toBe("placed");
  });
});

describe("a server that does not answer", () => {
  const other = (redelivered = false) => ({
    ...announced(redelivered),
    body: Buffer.from(`${key.replace("a", "b")} 7 http://urp-1/ db/q`),
  });

  test("is considered dead: then its products are requested at once, without an attempt", async () => {
    const { puller, asked, tries, log } = arrange([refused], {}, { originFaultsMax: 2 });
    await puller.handle(announced());
    expect(log).toContain("silent http://urp-1");
    expect(puller.silentOrigins).toMatchObject([{ origin: "http://urp-1", text: "connect ECONNREFUSED" }]);
    const triesBefore = tries();
    expect(await puller.handle(other())).toBe("ack");
    expect(tries()).toBe(triesBefore);
    expect(asked[1]).toMatch(/^not tried: http:\/\/urp-1 has not answered for \d+ s \(connect ECONNREFUSED\)$/);
  });

  test("is probed, and then pulled from as before", async () => {
    const settings = { originFaultsMax: 2, originProbeMinMs: 10, originProbeMaxMs: 10 };
    const { puller, placed, log } = arrange([refused, refused, refused, complete], {}, settings);
    await puller.handle(announced());
    // This test's clock advances by 400 ms each time it is read; a slow probe is not repeated soon.
    for (let count = 0; count < 20 && placed.length === 0; count += 1) await puller.handle(other());
    expect(placed).toEqual(["q"]);
    expect(log).toContain("answers http://urp-1");
    expect(puller.silentOrigins).toEqual([]);
  });

  test("is still tried for each of its products if they can't be requested", async () => {
    const { puller, tries } = arrange([refused], withoutDispatcher, { originFaultsMax: 1 });
    await puller.handle(announced());
    expect(tries()).toBe(3);
    await puller.handle(other());
    expect(tries()).toBe(6);
  });

  test("does not reduce the attempts for twins, which can't be requested elsewhere", async () => {
    const { puller, tries } = arrange([refused], {}, { originFaultsMax: 1 });
    await puller.handle({ ...twin(), body: announced().body });
    expect(tries()).toBe(3);
  });
});

describe("a receipt", () => {
  test("is sent once the product is placed, with the time of its first arrival", async () => {
    const { puller, receipts, placed } = arrange([busy, complete]);
    await puller.handle(announced());
    expect(receipts).toEqual([
      { key, timestampSeconds: 1_421_777_342, placed: true, mayJoin: false, closedMs: undefined },
    ]);
    expect(placed).toEqual(["p"]);
  });

  test("is sent again for a product placed before: the first one may have been lost with the ack", async () => {
    const { puller, receipts } = arrange([complete], { sizeOf: async () => 7 });
    await puller.handle(announced(true));
    expect(receipts).toMatchObject([{ key, placed: false }]);
  });

  test.each([
    ["a product that could not be pulled", [busy], {}, {}],
    ["products of another feed", [complete], { routingKey: "v00.dd.notify.x" }, {}],
    ["anything, if that is turned off", [complete], {}, { receipts: false }],
  ])("is not sent for %s", async (_, outcomes, own, settings) => {
    const { puller, receipts } = arrange(outcomes, {}, settings);
    await puller.handle({ ...announced(), ...own });
    expect(receipts).toEqual([]);
  });

  test("is not awaited", async () => {
    const sent: Receipt[] = [];
    const { puller } = arrange([complete], { sendReceipt: (receipt) => void sent.push(receipt) });
    expect(await puller.handle(announced())).toBe("ack");
    expect(sent).toHaveLength(1);
  });
});
