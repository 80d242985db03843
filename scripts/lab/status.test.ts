import { describe, expect, it } from "vitest";
import { formatStatus, formatUptime } from "./status.ts";

describe("the output", () => {
  it("of a lab is a table, with a remedy if its start was interrupted", () => {
    const host = { name: "urp-1", address: "10.203.0.11", release: "bookworm", memoryMb: 45 };
    const hosts = [
      { ...host, state: "running" as const, uptimeSeconds: 61 },
      { ...host, name: "pds-1", state: "off" as const, uptimeSeconds: undefined },
    ];
    const status = { name: "lab", index: 0, checkout: "/x", phase: "making" as const, hosts };
    expect(formatStatus(status).split("\n")).toEqual([
      "lab lab (10.203.0.0/24, making, or interrupted: ./warren lab down)",
      "host   address      state    up     memory  release",
      "urp-1  10.203.0.11  running  1 min  45 MB   bookworm",
      "pds-1  10.203.0.11  off      -      -       bookworm",
      "",
    ]);
  });

  it.each([
    [59, "59 s"],
    [3599, "59 min"],
    [7260, "2 h 1 min"],
  ])("of an uptime of %d seconds is %s", (seconds, text) => expect(formatUptime(seconds)).toBe(text));
});
