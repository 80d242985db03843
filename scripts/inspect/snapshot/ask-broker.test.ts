import { expect, it } from "vitest";
import { parseNodes, parseQueues } from "./ask-broker.ts";

it("reads nodes that are up and down, in the formats of two series", () => {
  const nodes = [
    { name: "rabbit@bunny1", running: false },
    { name: "rabbit@bunny2", running: true, partitions: ["rabbit@bunny3"], mem_alarm: true, disk_free_alarm: false },
  ];
  expect(parseNodes(nodes)).toEqual([
    { name: "rabbit@bunny1", running: false, partitions: [], memoryAlarm: false, diskAlarm: false },
    { name: "rabbit@bunny2", running: true, partitions: ["rabbit@bunny3"], memoryAlarm: true, diskAlarm: false },
  ]);
});

it("reads the members of a quorum queue and the mirrors of a mirrored queue", () => {
  const stats = { publish_details: { rate: 60.4 }, ack_details: { rate: 59.6 } };
  const counts = { messages: 7, messages_ready: 2, messages_unacknowledged: 5, consumers: 1 };
  const common = { name: "cmc.urp.input", state: "running", node: "rabbit@a", message_stats: stats, ...counts };
  const read = { messages: 7, ready: 2, unacknowledged: 5, consumers: 1, published: 60.4, acknowledged: 59.6 };
  expect(
    parseQueues([
      { ...common, members: ["rabbit@a", "rabbit@b"], online: ["rabbit@a"] },
      { ...common, slave_nodes: ["rabbit@b"], synchronised_slave_nodes: [] },
    ]),
  ).toEqual([
    { name: "cmc.urp.input", state: "running", ...read, replicas: ["rabbit@a", "rabbit@b"], inStep: ["rabbit@a"] },
    { name: "cmc.urp.input", state: "running", ...read, replicas: ["rabbit@a", "rabbit@b"], inStep: ["rabbit@a"] },
  ]);
});

it("treats a queue without statistics as running and idle", () => {
  const [queue] = parseQueues([{ name: "cmc.urp.dead", message_stats: null }]);
  expect(queue).toMatchObject({ state: "running", messages: 0, published: 0, acknowledged: 0 });
});
