import { EventEmitter } from "node:events";
import type { Channel } from "amqplib";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ChannelAcks } from "./channel-acks.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** The acks sent on a channel, as `tag`, or `..tag` for all up to it. */
function channel() {
  const sent: string[] = [];
  const ack = ({ fields }: { fields: { deliveryTag: number } }, multiple: boolean): void => {
    sent.push(`${multiple ? ".." : ""}${fields.deliveryTag}`);
  };
  const emitter = Object.assign(new EventEmitter(), { ack });
  return { sent, emitter, acks: new ChannelAcks(emitter as unknown as Channel) };
}

const turn = (): void => {
  vi.advanceTimersByTime(0);
};

test("what is acked in one turn is sent together", () => {
  const { sent, acks } = channel();
  for (const tag of [2, 1, 3]) acks.ack(tag);
  expect(sent).toEqual([]);
  turn();
  expect(sent).toEqual(["..3"]);
});

test("with few unacked, nothing is held back behind a gap: the broker can refill at once", () => {
  const { sent, acks } = channel();
  acks.expect(10);
  acks.ack(2);
  turn();
  expect(sent).toEqual(["2"]);
});

test("with many unacked, acks wait until the gap closes; behind a lasting gap they are sent singly", () => {
  const { sent, acks } = channel();
  acks.expect(2000);
  for (const tag of [2, 3]) acks.ack(tag);
  turn();
  expect(sent).toEqual([]);
  acks.ack(1);
  turn();
  expect(sent).toEqual(["..3"]);
  acks.ack(5);
  turn();
  vi.advanceTimersByTime(200);
  expect(sent).toEqual(["..3", "5"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("more than the share of the prefetch is never held back", () => {
  const { sent, acks } = channel();
  acks.expect(100);
  for (let tag = 2; tag <= 77; tag++) acks.ack(tag);
  turn();
  expect(sent).toHaveLength(76);
});

test("when the channel is gone nothing is sent any more, and handlers of its deliveries are notified", () => {
  const { sent, emitter, acks } = channel();
  const { signal } = acks;
  acks.ack(1);
  emitter.emit("close");
  turn();
  expect([sent, signal.aborted, acks.isGone]).toEqual([[], true, true]);
});
