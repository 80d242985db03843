import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { firstContactFile } from "../hosts/host-keys.ts";
import { fingerprintOf } from "../model/host-key.ts";
import type { ConnectionModel, EnvironmentModel, HostModel } from "../model/types.ts";
import { freePort, type Sshd, startSshd } from "../plugins/command/sshd.ts";
import { type Meeting, meetHosts } from "./meet.ts";

// Real sshd on loopback addresses, which play hosts: `one`, and `behind`, which is reached through `jump`. All three have one key. Keys that
// change under a running stack are the lab's test.

const otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGd1ZXNzZWRLZXlPZlRoZVRlc3RzMDEyMzQ1Njc4OTAx";

// A handful of logins a test; a machine that has much else to do takes seconds for each.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let checkout: string;
let sshd: Sshd;
beforeEach(async () => {
  checkout = mkdtempSync(join(tmpdir(), "warren-meet-"));
  // Whoever isn't root gets a sudo that asks for nothing, and does nothing.
  mkdirSync(join(checkout, "bin"));
  writeFileSync(join(checkout, "bin/sudo"), '#!/bin/sh\nshift\nexec "$@"\n', { mode: 0o755 });
  sshd = await startSshd([
    "ListenAddress 127.0.0.2",
    "ListenAddress 127.0.0.3",
    `SetEnv PATH=${join(checkout, "bin")}:/usr/sbin:/usr/bin:/sbin:/bin`,
  ]);
});
afterEach(async () => {
  await sshd.stop();
  rmSync(checkout, { recursive: true });
});

/** sshd's own key, without its comment. */
const realKey = () => sshd.hostKey.split(" ").slice(0, 2).join(" ");

function connection(host: string, address: string, more: Partial<ConnectionModel> = {}): ConnectionModel {
  return {
    host,
    address,
    port: sshd.port,
    user: userInfo().username,
    privateKeyFile: join(sshd.folder, "user"),
    dialTimeoutSeconds: 10,
    ...more,
  };
}

const emptyHost = {
  release: "bookworm",
  accounts: [],
  directories: [],
  files: [],
  packages: [],
  artifacts: [],
  units: [],
};

function model(...connections: ConnectionModel[]): EnvironmentModel {
  const hosts = connections.map((one): HostModel => ({ ...emptyHost, name: one.host, connection: one }) as HostModel);
  return { stack: "test", hosts, clusters: [], virtualIps: [] };
}

function stack(more: Partial<ConnectionModel> = {}): EnvironmentModel {
  const jump = connection("jump", "127.0.0.2", more);
  return model(connection("one", "127.0.0.1", more), jump, connection("behind", "127.0.0.3", { ...more, via: jump }));
}

const answered = ({ observations }: Meeting) =>
  [...observations].flatMap(([host, answer]) => ("unreachable" in answer ? [] : [host]));
const all = ["one", "jump", "behind"];
const everywhere = (key: string) => Object.fromEntries(all.map((host) => [host, key]));

describe("a host that nobody knows", () => {
  it("is met, through its jump host too; its key is pinned, and shown until it is recorded", async () => {
    const met = await meetHosts(stack(), checkout, {});
    expect(answered(met)).toEqual(all);
    expect(met.hostKeys).toEqual(everywhere(realKey()));
    expect(met.model.hosts.map((host) => [host.connection.hostKey, host.connection.via?.hostKey])).toEqual([
      [realKey(), undefined],
      [realKey(), undefined],
      [realKey(), realKey()],
    ]);
    expect(met.notes.errors).toEqual([]);
    const shown = all.map(
      (host) =>
        `${host}: host key ${fingerprintOf(realKey())} pinned at first contact; compare it on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`,
    );
    expect(met.notes.warnings).toEqual(shown);
    expect((await meetHosts(stack(), checkout, {})).notes.warnings).toEqual(shown);
    expect((await meetHosts(stack(), checkout, met.hostKeys)).notes).toEqual({ warnings: [], errors: [] });
  });

  it("is held to what was pinned before anything was recorded", async () => {
    await meetHosts(stack(), checkout, {});
    const file = firstContactFile(checkout, "test");
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(/^127\.0\.0\.1 .*$/gm, `127.0.0.1 ${otherKey}`));
    const again = await meetHosts(stack(), checkout, {});
    expect(answered(again)).toEqual(["jump", "behind"]);
    expect(again.notes.errors).toEqual([expect.stringContaining("as pinned at first contact: it was installed anew")]);
    expect(again.hostKeys).toEqual({ ...everywhere(realKey()), one: otherKey });
  });

  it("and doesn't answer, has no key, and holds up nobody", async () => {
    const gone = connection("gone", "127.0.0.1", { port: await freePort() });
    const met = await meetHosts(model(connection("jump", "127.0.0.2"), gone), checkout, {});
    expect(answered(met)).toEqual(["jump"]);
    expect(met.hostKeys).toEqual({ jump: realKey() });
    expect(met.observations.get("gone")).toEqual({
      unreachable: expect.stringMatching(/refused; nor is its host key known, so up can do nothing on it$/),
    });
  });
});

describe("a host whose key differs", () => {
  it("is refused by name, with both fingerprints and the way to take the new one; the others are asked", async () => {
    const met = await meetHosts(stack(), checkout, { ...everywhere(realKey()), one: otherKey });
    expect(answered(met)).toEqual(["jump", "behind"]);
    expect(met.notes.warnings).toEqual([]);
    expect(met.notes.errors).toHaveLength(1);
    const [error = ""] = met.notes.errors;
    expect(error).toContain(`one: its host key is ${fingerprintOf(realKey())}, not ${fingerprintOf(otherKey)}`);
    expect(error).toContain("as the stack has recorded");
    expect(error).toContain("--path warren:hosts.one.ssh.hostKey");
    // What is recorded stays: a run must not take what it refuses.
    expect(met.hostKeys).toEqual({ ...everywhere(realKey()), one: otherKey });
  });

  it("takes those behind it with it: each says so, the jump host is the error", async () => {
    const met = await meetHosts(stack(), checkout, { ...everywhere(realKey()), jump: otherKey });
    expect(answered(met)).toEqual(["one"]);
    expect(met.notes.errors).toEqual([expect.stringMatching(/^jump: its host key is /)]);
    expect(met.observations.get("behind")).toEqual({
      unreachable: "its jump host jump is refused for its host key",
    });
  });

  it("is let in by its key in the config, which goes before all others", async () => {
    const config = stack({ hostKey: realKey() });
    const met = await meetHosts(config, checkout, everywhere(otherKey));
    expect(answered(met)).toEqual(all);
    expect(met.hostKeys).toEqual(everywhere(realKey()));
  });

  it("has no key of the pinned type: refused likewise", async () => {
    const rsa = `ssh-rsa ${Buffer.from("\0\0\0\x07ssh-rsa\0\0\0\x01\x03\0\0\0\x01\x05", "latin1").toString("base64")}`;
    const met = await meetHosts(model(connection("one", "127.0.0.1")), checkout, { one: rsa });
    expect(answered(met)).toEqual([]);
    expect(met.notes.errors).toEqual([expect.stringMatching(/^one: it has no host key of the pinned type: SHA256:/)]);
  });
});

describe("a known_hosts that is given", () => {
  it("goes before what is recorded, and names itself as what is to be mended", async () => {
    writeFileSync(join(checkout, "known"), `one ${otherKey}\n`);
    const met = await meetHosts(stack({ knownHostsFile: "known" }), checkout, everywhere(realKey()));
    expect(answered(met)).toEqual(["jump", "behind"]);
    expect(met.notes.errors).toEqual([expect.stringMatching(/as known says: [\s\S]*put its public key into known$/)]);
  });

  it("need not have every host: what it lacks is met", async () => {
    writeFileSync(join(checkout, "known"), `[127.0.0.1]:${sshd.port} ${realKey()}\n`);
    const met = await meetHosts(stack({ knownHostsFile: "known" }), checkout, {});
    expect(met.notes.warnings.map((warning) => warning.split(":")[0])).toEqual(["jump", "behind"]);
    expect(met.hostKeys).toEqual(everywhere(realKey()));
  });
});
