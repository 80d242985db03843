import { describe, expect, it } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import { effectiveCapabilities, type Machine, refuseUnfit } from "./requirements.ts";

const fit: Machine = { platform: "linux", uid: 0, osRelease: "NAME=x\nID=debian\n", capabilities: 0x1ffffffffffn };

describe("a machine for a lab", () => {
  it("is Debian or a system that declares itself similar", () => {
    expect(() => refuseUnfit(fit)).not.toThrow();
    expect(() => refuseUnfit({ ...fit, osRelease: "ID=ubuntu\nID_LIKE=debian\n" })).not.toThrow();
    expect(() => refuseUnfit({ ...fit, osRelease: 'ID=mint\nID_LIKE="ubuntu debian"\n' })).not.toThrow();
  });

  it.each<[string, Partial<Machine>, RegExp]>([
    ["another system", { platform: "darwin" }, /needs Linux/],
    ["another distribution", { osRelease: 'ID="fedora"\n' }, /needs Debian or Ubuntu/],
    ["an ordinary user", { uid: 1000 }, /needs root/],
    ["the root of a container", { capabilities: 0xa80425fbn }, /root of a container/],
  ])("is not %s, and the message has a remedy", (_, difference, message) => {
    let caught: unknown;
    try {
      refuseUnfit({ ...fit, ...difference });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(UserError);
    expect((caught as UserError).format()).toMatch(message);
    expect((caught as UserError).remedy).toMatch(/warren|Debian/);
  });
});

it("capabilities are read from the kernel's status of a process", () => {
  expect(effectiveCapabilities("Name:\tx\nCapEff:\t00000000a80425fb\n")).toBe(0xa80425fbn);
  expect(effectiveCapabilities("")).toBe(0n);
});
