import { describe, expect, it } from "vitest";
import { isReplicated, nodesMissing } from "./healed.ts";

const node = { name: "rabbit@bunny1", running: true };

describe("a cluster has a problem", () => {
  it.each([
    ["bunny2 knows 1 members", [node]],
    ["bunny2 reports that rabbit@bunny1 is not running", [node, { ...node, running: false }]],
    ["rabbit@bunny1 is partitioned from rabbit@bunny3", [node, { ...node, partitions: ["rabbit@bunny3"] }]],
    ["rabbit@bunny1 has a memory alarm", [node, { ...node, mem_alarm: true }]],
    ["rabbit@bunny1 has a disk alarm", [{ ...node, disk_free_alarm: true }, node]],
  ])("where %s", (expected, nodes) => {
    expect(nodesMissing("bunny2", 2, nodes)).toContain(expected);
  });

  it("none if all members run and know each other", () => {
    expect(nodesMissing("bunny2", 2, [node, { ...node, partitions: [], mem_alarm: false }])).toBeUndefined();
  });
});

describe("a queue is replicated", () => {
  it("if its mirrors are synchronised", () => {
    const queue = { name: "q", state: "running", slave_nodes: ["b"], synchronised_slave_nodes: ["b"] };
    expect(isReplicated(queue, 2)).toBe(true);
    expect(isReplicated({ ...queue, synchronised_slave_nodes: [] }, 2)).toBe(false);
    expect(isReplicated({ ...queue, state: "down" }, 2)).toBe(false);
  });

  it("if all members of a quorum queue are online", () => {
    const queue = { name: "q", state: "running", members: ["a", "b", "c"], online: ["a", "b", "c"] };
    expect(isReplicated(queue, 3)).toBe(true);
    expect(isReplicated({ ...queue, online: ["a", "b"] }, 3)).toBe(false);
  });
});
