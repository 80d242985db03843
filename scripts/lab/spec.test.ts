import { describe, expect, it } from "vitest";
import { cableOf, checkSpec, defaultHosts, type LabHost, macOf, namespaceOf, specIssues } from "./spec.ts";

const host = (name: string, address: string): LabHost => ({ name, address, release: "bookworm" });

describe("a lab's spec", () => {
  it("of the nine hosts is accepted at every index", () => {
    for (const index of [0, 1, 250]) expect(specIssues({ name: "lab", index, hosts: defaultHosts(index) })).toEqual([]);
  });

  it("reports all errors at once, each with its path", () => {
    const hosts = [host("urp-1", "10.203.0.11"), host("URP_2", "10.203.7.12"), host("urp-3", "10.203.0.1")];
    const paths = specIssues({ name: "My Lab", index: 0, hosts }).map((issue) => issue.path);
    expect(paths).toEqual(["name", "hosts[1].name", "hosts[1].address", "hosts[2].address"]);
  });

  it("refuses two hosts with one address, with their names", () => {
    const hosts = [host("urp-1", "10.203.0.11"), host("urp-2", "10.203.0.11")];
    expect(() => checkSpec({ name: "lab", index: 0, hosts })).toThrow(
      /hosts\[1\]: 10\.203\.0\.11 is already taken by urp-1/,
    );
  });

  it("refuses an alias that is another host's name", () => {
    const hosts = [host("urp-1", "10.203.0.11"), { ...host("urp-2", "10.203.0.12"), aliases: ["urp-1"] }];
    expect(specIssues({ name: "lab", index: 0, hosts })).toHaveLength(1);
  });

  it("refuses an unsupported release, and an empty list of hosts", () => {
    const odd = { ...host("urp-1", "10.203.0.11"), release: "sarge" as "bookworm" };
    expect(specIssues({ name: "lab", index: 0, hosts: [odd] })[0]?.path).toBe("hosts[0].release");
    expect(specIssues({ name: "lab", index: 0, hosts: [] })[0]?.path).toBe("hosts");
  });
});

describe("names on the machine", () => {
  it("of network links fit the kernel's 15 bytes at the highest index and address", () => {
    expect(cableOf(250, host("pds-1", "10.203.250.254")).length).toBeLessThanOrEqual(15);
  });

  it("differ between labs with hosts of the same names", () => {
    const [one, other] = [host("urp-1", "10.203.1.11"), host("urp-1", "10.203.12.11")];
    expect(namespaceOf(1, "urp-1")).not.toBe(namespaceOf(12, "urp-1"));
    expect(cableOf(1, one)).not.toBe(cableOf(12, other));
    expect(macOf(1, one)).not.toBe(macOf(12, other));
  });
});
