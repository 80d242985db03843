import { expect, test } from "vitest";
import type { BrokerSessionState } from "../lib/broker-session.ts";
import type { PublishOptions, PublishOutcome } from "../lib/publisher.ts";
import { type ReceiptOutcome, Receipts } from "./receipts.ts";

function arrange(state: BrokerSessionState, isWritable: boolean, outcome: PublishOutcome | Error) {
  const sent: { topic: string; body: string; options: PublishOptions | undefined }[] = [];
  const told: ReceiptOutcome[] = [];
  const session = {
    state,
    isWritable,
    async publish(_exchange: string, topic: string, body: Buffer, options?: PublishOptions) {
      sent.push({ topic, body: body.toString(), options });
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
  const onOutcome = (one: ReceiptOutcome) => void told.push(one);
  return { receipts: new Receipts({ session, exchange: "cmc", topic: "v00.urp.pulled", onOutcome }), sent, told };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a receipt is the product's key with the time of its first arrival, and no queue has to take it", async () => {
  const { receipts, sent, told } = arrange("ready", true, "confirmed");
  receipts.send({ key: "k1", timestampSeconds: 1_421_777_342 });
  receipts.send({ key: "k2", timestampSeconds: undefined });
  await turn();
  const options = { mandatory: false, contentType: "text/plain" };
  expect(sent).toEqual([
    { topic: "v00.urp.pulled", body: "k1", options: { ...options, timestampSeconds: 1_421_777_342 } },
    { topic: "v00.urp.pulled", body: "k2", options },
  ]);
  expect(told).toEqual(["confirmed", "confirmed"]);
});

test.each([
  ["the broker takes no messages", "blocked", true],
  ["there is no connection", "connecting", true],
  ["too many wait already", "ready", false],
] as const)("none is sent, and none kept, while %s", (_, state, isWritable) => {
  const { receipts, sent, told } = arrange(state, isWritable, "confirmed");
  receipts.send({ key: "k1", timestampSeconds: 1 });
  expect([sent, told]).toEqual([[], ["skipped"]]);
});

test("one that is lost is counted, whatever it was lost by, and hurts nobody", async () => {
  for (const outcome of ["lost", new Error("no")] as const) {
    const { receipts, told } = arrange("ready", true, outcome);
    receipts.send({ key: "k1", timestampSeconds: 1 });
    await turn();
    expect(told).toEqual(["lost"]);
  }
});
