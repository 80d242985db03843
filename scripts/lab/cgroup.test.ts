import { describe, expect, it } from "vitest";
import { trackingHierarchies } from "./cgroup.ts";

describe("control groups", () => {
  it("are made where systemd tracks processes: in version 2, and in the named hierarchy of version 1 if it exists", () => {
    expect(trackingHierarchies("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")).toEqual(["/sys/fs/cgroup"]);
    const hybrid = [
      "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
      "cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0",
      "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0",
    ].join("\n");
    expect(trackingHierarchies(hybrid)).toEqual(["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"]);
  });
});
