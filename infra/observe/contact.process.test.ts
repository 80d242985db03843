import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptKeys, firstContactFile } from "../hosts/host-keys.ts";
import { fingerprintOf } from "../model/host-key.ts";
import type { ConnectionModel, EnvironmentModel, HostModel } from "../model/types.ts";
import { freePort, type Sshd, startSshd } from "../plugins/command/sshd.ts";
import { type Contact, contactHosts } from "./contact.ts";
import { goneHosts } from "./gone-hosts.ts";

// Real sshd on loopback addresses that act as hosts: `one`, and `behind`, which has the jump host `jump`. All three have one key. The lab tests keys
// that change under a running stack.

const otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGd1ZXNzZWRLZXlPZlRoZVRlc3RzMDEyMzQ1Njc4OTAx";

// A handful of logins per test; an overloaded machine takes seconds for each.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let checkout: string;
let sshd: Sshd;
beforeEach(async () => {
  checkout = mkdtempSync(join(tmpdir(), "warren-contact-"));
  // A fake sudo without a password, for test users other than root.
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

const answered = ({ observations }: Contact) =>
  [...observations].flatMap(([host, answer]) => ("unreachable" in answer ? [] : [host]));
const all = ["one", "jump", "behind"];
const everywhere = (key: string) => Object.fromEntries(all.map((host) => [host, key]));

describe("a host without a known key", () => {
  const keysIn = ({ model: { hosts } }: Contact) =>
    hosts.map(({ connection: { hostKey, via } }) => [hostKey, via?.hostKey]);

  it("is contacted, also through a jump host; its key is reported, and neither in the model nor recorded", async () => {
    const contact = await contactHosts(stack(), checkout, {});
    expect(answered(contact)).toEqual(all);
    expect(contact.hostKeys).toEqual({});
    expect(keysIn(contact).flat()).toEqual(Array.from({ length: 6 }, () => undefined));
    expect(contact.notes.errors).toEqual([]);
    const shown = all.map(
      (host) =>
        `${host}: host key ${fingerprintOf(realKey())} not confirmed; compare it on its console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`,
    );
    expect(contact.notes.unconfirmed).toEqual(shown);
    expect((await contactHosts(stack(), checkout, {})).notes.unconfirmed).toEqual(shown);
  });

  it("has a key as soon as a person has confirmed it", async () => {
    await contactHosts(stack(), checkout, {});
    const { connection: jump } = stack().hosts[1] ?? expect.fail();
    await acceptKeys("test", checkout, [{ host: "jump", address: jump.address, key: realKey() }]);
    const contact = await contactHosts(stack(), checkout, {});
    expect(keysIn(contact)).toEqual([
      [undefined, undefined],
      [realKey(), undefined],
      [undefined, realKey()],
    ]);
    expect(contact.hostKeys).toEqual({ jump: realKey() });
    expect(contact.notes.unconfirmed).toHaveLength(2);
    const recorded = await contactHosts(stack(), checkout, everywhere(realKey()));
    expect(recorded.notes).toEqual({ unconfirmed: [], errors: [] });
  });

  it("is refused with another key than the confirmed one", async () => {
    await acceptKeys("test", checkout, [{ host: "one", address: "127.0.0.1", key: otherKey }]);
    const contact = await contactHosts(stack(), checkout, {});
    expect(answered(contact)).toEqual(["jump", "behind"]);
    expect(contact.notes.errors).toEqual([expect.stringContaining("as confirmed in this checkout: ")]);
  });

  it("is verified against the key of the first contact before anybody has confirmed it", async () => {
    await contactHosts(stack(), checkout, {});
    const file = firstContactFile(checkout, "test");
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(/^127\.0\.0\.1 .*$/gm, `127.0.0.1 ${otherKey}`));
    const again = await contactHosts(stack(), checkout, {});
    expect(answered(again)).toEqual(["jump", "behind"]);
    expect(again.notes.errors).toEqual([expect.stringContaining("as met at first contact: the host was reinstalled")]);
    expect(again.notes.unconfirmed).toHaveLength(2);
  });

  it("that doesn't answer has no key, and delays no other", async () => {
    const gone = connection("gone", "127.0.0.1", { port: await freePort() });
    const contact = await contactHosts(model(connection("jump", "127.0.0.2"), gone), checkout, {});
    expect(answered(contact)).toEqual(["jump"]);
    expect(contact.notes.unconfirmed).toEqual([expect.stringMatching(/^jump: /)]);
    expect(contact.observations.get("gone")).toEqual({
      unreachable: expect.stringMatching(
        /refused; its host key is not known either, so up can't change anything on it$/,
      ),
    });
  });
});

describe("a host with another key", () => {
  it("is refused with both fingerprints and the command to accept the new key; others are observed", async () => {
    const contact = await contactHosts(stack(), checkout, { ...everywhere(realKey()), one: otherKey });
    expect(answered(contact)).toEqual(["jump", "behind"]);
    expect(contact.notes.unconfirmed).toEqual([]);
    expect(contact.notes.errors).toHaveLength(1);
    const [error = ""] = contact.notes.errors;
    expect(error).toContain(`one: its host key is ${fingerprintOf(realKey())}, not ${fingerprintOf(otherKey)}`);
    expect(error).toContain("as recorded in the stack");
    expect(error).toContain("--path warren:hosts.one.ssh.hostKey");
    // The recorded key stays, because a run must not accept a key that it refuses.
    expect(contact.hostKeys).toEqual({ ...everywhere(realKey()), one: otherKey });
  });

  it("also makes hosts behind it unreachable; only the jump host is an error", async () => {
    const contact = await contactHosts(stack(), checkout, { ...everywhere(realKey()), jump: otherKey });
    expect(answered(contact)).toEqual(["one"]);
    expect(contact.notes.errors).toEqual([expect.stringMatching(/^jump: its host key is /)]);
    expect(contact.observations.get("behind")).toEqual({
      unreachable: "its jump host jump was refused because of its host key",
    });
  });

  it("is accepted with its key in the config, which takes precedence", async () => {
    const config = stack({ hostKey: realKey() });
    const contact = await contactHosts(config, checkout, everywhere(otherKey));
    expect(answered(contact)).toEqual(all);
    expect(contact.hostKeys).toEqual(everywhere(realKey()));
  });

  it("is refused if it has no key of the pinned type", async () => {
    const rsa = `ssh-rsa ${Buffer.from("\0\0\0\x07ssh-rsa\0\0\0\x01\x03\0\0\0\x01\x05", "latin1").toString("base64")}`;
    const contact = await contactHosts(model(connection("one", "127.0.0.1")), checkout, { one: rsa });
    expect(answered(contact)).toEqual([]);
    expect(contact.notes.errors).toEqual([
      expect.stringMatching(/^one: it has no host key of the pinned type: SHA256:/),
    ]);
  });
});

describe("a configured known_hosts file", () => {
  it("takes precedence over recorded keys, and is named in the remedy", async () => {
    writeFileSync(join(checkout, "known"), `one ${otherKey}\n`);
    const contact = await contactHosts(stack({ knownHostsFile: "known" }), checkout, everywhere(realKey()));
    expect(answered(contact)).toEqual(["jump", "behind"]);
    expect(contact.notes.errors).toEqual([
      expect.stringMatching(/as listed in known: [\s\S]*put its public key into known$/),
    ]);
  });

  it("may omit hosts, whose keys somebody must confirm then", async () => {
    writeFileSync(join(checkout, "known"), `[127.0.0.1]:${sshd.port} ${realKey()}\n`);
    const contact = await contactHosts(stack({ knownHostsFile: "known" }), checkout, {});
    expect(contact.notes.unconfirmed.map((line) => line.split(":")[0])).toEqual(["jump", "behind"]);
    expect(contact.hostKeys).toEqual({ one: realKey() });
  });
});

describe("a host that is recorded, but no longer in the stack", () => {
  const steps = ["one /etc/hosts"];
  const found = async (placed: ConnectionModel) =>
    (await goneHosts({ one: { connection: placed, steps, copies: [] } }, model(), checkout)).map(
      ({ unreachable }) => unreachable,
    );

  it("is not gone if it answers, also through its jump host", async () => {
    const hostKey = realKey();
    const jump = connection("jump", "127.0.0.2", { hostKey });
    expect(await found(connection("one", "127.0.0.1", { hostKey }))).toEqual([]);
    expect(await found(connection("one", "127.0.0.3", { hostKey, via: jump }))).toEqual([]);
  });

  it("is gone if nothing answers, or a machine with another key", async () => {
    expect(await found(connection("one", "127.0.0.1", { hostKey: realKey(), port: await freePort() }))).toEqual([
      expect.stringContaining("refused"),
    ]);
    expect(await found(connection("one", "127.0.0.1", { hostKey: otherKey }))).toEqual([expect.any(String)]);
  });

  it("is not asked while it is in the stack", async () => {
    const dead = connection("one", "127.0.0.1", { port: await freePort() });
    expect(await goneHosts({ one: { connection: dead, steps, copies: [] } }, model(dead), checkout)).toEqual([]);
  });
});
