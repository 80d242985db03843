import { expect, test } from "vitest";
import { configSchema } from "./config.ts";
import type { DownloadOptions, Outcome } from "./download.ts";
import { Puller, type PullerPorts } from "./puller.ts";
import { LocalFault } from "./receiver-queue.ts";

const config = configSchema.parse({
  broker: { hosts: ["localhost"], user: "u", passwordFile: "p" },
  metrics: { port: 0 },
  receiverQueueDirectory: "/rxq",
  retriesMax: 2,
  retryDelayMinMs: 1,
  retryDelayMaxMs: 1,
  localRetryDelayMaxMs: 10,
  localHoldMs: 1000,
});
const full = () => new LocalFault("/rxq", Object.assign(new Error("no space"), { code: "ENOSPC" }));
const whole: Outcome = { kind: "whole" };
const busy: Outcome = { kind: "fault", cause: "server", text: "the server answers 503" };

/** A puller in a world of its own: `outcomes` are those of the tries in turn, the last one repeats. */
function arrange(
  outcomes: (Outcome | Error)[],
  more: Partial<PullerPorts> = {},
  settings: Partial<typeof config> = {},
) {
  const log: string[] = [];
  const placed: string[] = [];
  let tries = 0;
  let nowMs = 0;
  const ports: PullerPorts = {
    async download({ onChunk }: DownloadOptions) {
      const outcome = outcomes[Math.min(tries++, outcomes.length - 1)];
      if (outcome === undefined || outcome instanceof Error) throw outcome;
      await onChunk(Buffer.from("product"));
      return outcome;
    },
    async receive() {
      return {
        size: 7,
        write: async () => {},
        place: async (name) => void placed.push(name),
        discard: async () => void log.push("discard"),
      };
    },
    sizeOf: async () => undefined,
    now: () => (nowMs += 400),
    events: {
      pulled: (order, bytes) => log.push(`pulled ${order.fileName} ${bytes}`),
      alreadyThere: (order) => log.push(`there ${order.fileName}`),
      retried: (_, cause) => log.push(`retried ${cause}`),
      gaveUp: (reason) => log.push(`gave up: ${reason}`),
      localFault: (fault) => log.push(`local ${fault.code}`),
      localCleared: () => log.push("cleared"),
    },
    ...more,
  };
  return { puller: new Puller({ ...config, ...settings }, ports), log, placed, tries: () => tries };
}

const announced = (redelivered = false, signal = new AbortController().signal) => ({
  body: Buffer.from("a985c32cbdee8af2ab5d7b8f6022e781 7 http://urp-1/ db/p"),
  redelivered,
  signal,
});

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
  const { puller, placed, tries } = arrange([busy]);
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
