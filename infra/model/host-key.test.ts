import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { fixtureModel } from "./fixture.ts";
import { fingerprintOf, hostKeyOf, hostKeyPath, withHostKeys } from "./host-key.ts";

const urp1 = { host: "urp-1", address: "10.203.0.11", port: 22 };
const elsewhere = { ...urp1, port: 2222 };
const withFullName = { ...urp1, fullName: "urp-1.example.com" };

/** The first field of a line as hashed by `ssh-keygen -H`. */
function hashed(name: string): string {
  const salt = Buffer.from("twenty bytes of salt");
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
}

describe("hostKeyOf", () => {
  const rows: [string, typeof urp1, string, string][] = [
    ["by address", urp1, "10.203.0.11 ssh-ed25519 A", "ssh-ed25519 A"],
    ["by name", urp1, "urp-1 ssh-ed25519 A", "ssh-ed25519 A"],
    ["among several names", urp1, "urp-1.example.com,urp-1,10.203.0.99 ssh-ed25519 A", "ssh-ed25519 A"],
    ["without its comment", urp1, "urp-1 ssh-ed25519 A root@urp-1", "ssh-ed25519 A"],
    ["between comments, tabs and blank lines", urp1, "# old\n\n  urp-1\tssh-ed25519\tA\r\n", "ssh-ed25519 A"],
    ["ed25519 before others", urp1, "urp-1 ssh-rsa R\nurp-1 ssh-ed25519 A", "ssh-ed25519 A"],
    ["the first of others", urp1, "urp-1 ecdsa-sha2-nistp256 E\nurp-1 ssh-rsa R", "ecdsa-sha2-nistp256 E"],
    ["by address and port", elsewhere, "[10.203.0.11]:2222 ssh-ed25519 A", "ssh-ed25519 A"],
    ["by its full name", withFullName, "urp-1.example.com ssh-ed25519 A", "ssh-ed25519 A"],
    ["by name and port", elsewhere, "[urp-1]:2222 ssh-ed25519 A", "ssh-ed25519 A"],
    [
      "hashed, by address",
      urp1,
      `${hashed("10.203.0.12")} ssh-ed25519 B\n${hashed("10.203.0.11")} ssh-ed25519 A`,
      "ssh-ed25519 A",
    ],
    ["hashed, with port", elsewhere, `${hashed("[10.203.0.11]:2222")} ssh-ed25519 A`, "ssh-ed25519 A"],
  ];
  it.each(rows)("finds a host's key %s", (_, connection, text, key) => {
    expect(hostKeyOf(connection, text)).toBe(key);
  });

  const nothing: [string, typeof urp1, string][] = [
    ["in an empty file", urp1, ""],
    ["of a host whose name only starts with it", urp1, "urp-10 ssh-ed25519 A\n10.203.0.110 ssh-ed25519 A"],
    ["on another port", urp1, "[10.203.0.11]:2222 ssh-ed25519 A"],
    ["that is revoked", urp1, "@revoked urp-1 ssh-ed25519 A"],
    ["in a truncated line", urp1, "urp-1 ssh-ed25519"],
    ["of another host, hashed", urp1, `${hashed("10.203.0.12")} ssh-ed25519 A`],
  ];
  it.each(nothing)("finds no key %s", (_, connection, text) => {
    expect(hostKeyOf(connection, text)).toBeUndefined();
  });
});

describe("fingerprintOf", () => {
  it("shows a key as ssh-keygen -l does", () => {
    // A key, and its fingerprint from `ssh-keygen -lf` of OpenSSH 9.2.
    expect(fingerprintOf("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHFaEek+XQeI44IuRjgK/RCUiGnLdKae6U9cRbTiNuU5")).toBe(
      "SHA256:q/N1rUmdOz3FzbjZdsFm63t5UImFCI4skHIfVE/nW0M",
    );
  });
});

describe("hostKeyPath", () => {
  it.each([
    ["ssh-ed25519 A", "/etc/ssh/ssh_host_ed25519_key.pub"],
    ["ecdsa-sha2-nistp256 A", "/etc/ssh/ssh_host_ecdsa_key.pub"],
    ["ssh-rsa A", "/etc/ssh/ssh_host_rsa_key.pub"],
  ])("gives the path of %s", (key, path) => {
    expect(hostKeyPath(key)).toBe(path);
  });
});

describe("withHostKeys", () => {
  it("gives each host its key, and a host behind a jump host that host's key as well", () => {
    const model = withHostKeys(
      fixtureModel(),
      new Map([
        ["urp-1", "ssh-ed25519 JUMP"],
        ["pds-5", "ssh-ed25519 BEHIND"],
      ]),
    );
    const connections = new Map(model.hosts.map((host) => [host.name, host.connection]));
    expect(connections.get("pds-5")).toMatchObject({
      hostKey: "ssh-ed25519 BEHIND",
      via: { host: "urp-1", hostKey: "ssh-ed25519 JUMP" },
    });
    expect(connections.get("urp-2")).not.toHaveProperty("hostKey");
  });
});
