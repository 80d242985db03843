import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import { hostKeySchema } from "../config/host-key.ts";
import type { ConnectionModel } from "../model/types.ts";
import { connectionInput, requireLogins } from "./connection.ts";

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = privateKey.export({ type: "pkcs1", format: "pem" });
const encryptedPem = privateKey.export({
  type: "pkcs8",
  format: "pem",
  cipher: "aes-256-cbc",
  passphrase: "five words",
});

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "warren-connection-"));
  for (const [name, passphrase] of [
    ["key", ""],
    ["encrypted", "five words"],
  ] as const) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", join(checkout, name)]);
  }
  writeFileSync(join(checkout, "pem"), pem, { mode: 0o600 });
  writeFileSync(join(checkout, "encrypted.pem"), encryptedPem, { mode: 0o600 });
  writeFileSync(join(checkout, "open"), pem, { mode: 0o644 });
  writeFileSync(join(checkout, "hosts"), "");
});
afterAll(() => rmSync(checkout, { recursive: true }));

const one: ConnectionModel = {
  host: "one",
  address: "10.0.0.1",
  port: 22,
  user: "root",
  privateKeyFile: "key",
  knownHostsFile: "hosts",
  hostKey: "ssh-ed25519 ONE",
  dialTimeoutSeconds: 5,
};

/** What the person sees of a mistake. */
function said(connection: ConnectionModel): string {
  try {
    requireLogins([connection], checkout);
  } catch (error) {
    if (error instanceof UserError) return error.format();
    throw error;
  }
  return "nothing";
}

/** The host key that the engine is told. */
const toldOf = (connection: ConnectionModel) =>
  new Promise<unknown>((resolve) => connectionInput(connection, checkout).apply((args) => resolve(args.hostKey)));

describe("a login", () => {
  it("takes key files by their path in the checkout, or anywhere", () => {
    expect(said(one)).toBe("nothing");
    expect(said({ ...one, privateKeyFile: join(checkout, "key") })).toBe("nothing");
  });

  it.each([
    ["that isn't there", "keys/op_ed25519", "is not there", "ssh-keygen -t ed25519 -N '' -f keys/op_ed25519"],
    ["of a lab that isn't up", ".warren/labs/lab/id_ed25519", "is not there", "./warren lab up"],
    ["that is a folder", ".", "can't be read (EISDIR)", "give the right path"],
    ["that is the public half", "key.pub", "is a public key", "name the private half: key"],
    ["that is something else", "hosts", "is no private key", "name the file that ssh-keygen has made"],
    ["with a passphrase", "encrypted", "is encrypted with a passphrase", "without one"],
    ["with a passphrase, as PEM", "encrypted.pem", "is encrypted with a passphrase", "without one"],
    ["that others may read", "open", "may be read by others (mode 0644)", "chmod 600 open"],
  ])("is refused with a key %s, with the setting and what to do", (_, privateKeyFile, what, remedy) => {
    const text = said({ ...one, privateKeyFile });
    expect(text).toContain(`warren:ssh.privateKeyFile: ${privateKeyFile} ${what}`);
    expect(text).toContain(remedy);
  });

  it("takes a key in PEM too", () => {
    expect(said({ ...one, privateKeyFile: "pem" })).toBe("nothing");
  });

  it("needs the known_hosts that is named", () => {
    expect(said({ ...one, knownHostsFile: "keys/known" })).toContain(
      "warren:ssh.knownHostsFile: keys/known is not there",
    );
  });

  it("needs no known_hosts", () => {
    const { knownHostsFile: _, ...without } = one;
    expect(said(without)).toBe("nothing");
  });

  it("is held to the host's key; to one that no host has, where nobody has met the host", async () => {
    expect(await toldOf(one)).toBe("ssh-ed25519 ONE");
    const { hostKey: _, ...unmet } = one;
    const told = String(await toldOf(unmet));
    expect(hostKeySchema.parse(told)).toBe(told);
    expect(await toldOf({ ...unmet, host: "another" })).toBe(told);
  });

  it("never shows the key", () => {
    const line = readFileSync(join(checkout, "encrypted"), "utf8").split("\n")[1] ?? "";
    expect(line.length).toBeGreaterThan(20);
    expect(said({ ...one, privateKeyFile: "encrypted" })).not.toContain(line);
  });
});
