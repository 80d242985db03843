import { expect, test } from "vitest";
import { readBindings, readQueue } from "./queue-facts.ts";

const item = {
  vhost: "/",
  name: "q",
  type: "quorum",
  exclusive: false,
  durable: true,
  arguments: { "x-queue-type": "quorum" },
  state: "running",
  consumers: 0,
  messages: 3,
  message_bytes: 300,
  memory: 100_000_000,
  message_stats: { publish: 9, deliver_get: 2, ack: 1 },
};

test("the facts are the bytes of a queue's messages, not its process's memory, and how often it was used", () => {
  expect(readQueue(item)).toEqual({
    ...{ vhost: "/", name: "q", type: "quorum", consumers: 0, messages: 3, bytes: 300, uses: 3 },
    ...{ durable: true, arguments: { "x-queue-type": "quorum" } },
  });
});

test("a queue without statistics, or with an empty list for an empty object, was not used", () => {
  const { message_stats: _, ...rest } = item;
  expect(readQueue(rest)).toMatchObject({ uses: 0 });
  expect(readQueue({ ...item, message_stats: [], arguments: [] })).toMatchObject({ uses: 0, arguments: {} });
});

test.each([
  ["exclusive", { exclusive: true }, "owned"],
  ["on a node that is down", { state: "down" }, "unknown"],
  ["without a state", { state: undefined }, "unknown"],
  ["without figures of messages", { messages: undefined }, "unknown"],
  ["without figures of bytes", { message_bytes: undefined }, "unknown"],
  ["without figures of consumers", { consumers: undefined }, "unknown"],
  ["with figures that are not numbers", { messages: "3" }, "unknown"],
])("a queue %s", (_, more, read) => {
  expect(readQueue({ ...item, ...more })).toBe(read);
});

test("the default exchange's binding can't be removed", () => {
  const binding = { vhost: "/", destination: "q", destination_type: "queue", arguments: {} };
  const bindings = [
    { ...binding, source: "", routing_key: "q", properties_key: "q" },
    { ...binding, source: "xpublic", routing_key: "v02.post.#", properties_key: "v02.post.%23" },
  ];
  expect(readBindings(bindings)).toEqual([
    { source: "xpublic", routingKey: "v02.post.#", arguments: {}, propertiesKey: "v02.post.%23" },
  ]);
});
