import { describe, expect, it } from "vitest";
import { isReplicated } from "./whole.ts";

describe("a queue is replicated", () => {
  it("where its mirrors are in step", () => {
    const queue = { name: "q", state: "running", slave_nodes: ["b"], synchronised_slave_nodes: ["b"] };
    expect(isReplicated(queue, 2)).toBe(true);
    expect(isReplicated({ ...queue, synchronised_slave_nodes: [] }, 2)).toBe(false);
    expect(isReplicated({ ...queue, state: "down" }, 2)).toBe(false);
  });

  it("where all members of a quorum queue are there", () => {
    const queue = { name: "q", state: "running", members: ["a", "b", "c"], online: ["a", "b", "c"] };
    expect(isReplicated(queue, 3)).toBe(true);
    expect(isReplicated({ ...queue, online: ["a", "b"] }, 3)).toBe(false);
  });
});
