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

/** The error message that a user sees. */
function messageFor(connection: ConnectionModel): string {
  try {
    requireLogins([connection], checkout);
  } catch (error) {
    if (error instanceof UserError) return error.format();
    throw error;
  }
  return "none";
}

/** The host key that the engine gets. */
const engineKeyOf = (connection: ConnectionModel) =>
  new Promise<unknown>((resolve) => connectionInput(connection, checkout).apply((args) => resolve(args.hostKey)));

describe("a login", () => {
  it("accepts key files by a path in the checkout or elsewhere", () => {
    expect(messageFor(one)).toBe("none");
    expect(messageFor({ ...one, privateKeyFile: join(checkout, "key") })).toBe("none");
  });

  it.each([
    ["that is missing", "keys/op_ed25519", "does not exist", "ssh-keygen -t ed25519 -N '' -f keys/op_ed25519"],
    ["of a lab that is not running", ".warren/labs/lab/id_ed25519", "does not exist", "./warren lab up"],
    ["that is a folder", ".", "can't be read (EISDIR)", "correct the path"],
    ["that is the public half", "key.pub", "is a public key", "name the private half: key"],
    ["that is something else", "hosts", "is not a private key", "name a file that ssh-keygen created"],
    ["with a passphrase", "encrypted", "is encrypted with a passphrase", "without a passphrase"],
    ["with a passphrase, as PEM", "encrypted.pem", "is encrypted with a passphrase", "without a passphrase"],
    ["that others can read", "open", "is readable by others (mode 0644)", "chmod 600 open"],
  ])("is refused with a key %s, with the setting and a remedy", (_, privateKeyFile, what, remedy) => {
    const text = messageFor({ ...one, privateKeyFile });
    expect(text).toContain(`warren:ssh.privateKeyFile: ${privateKeyFile} ${what}`);
    expect(text).toContain(remedy);
  });

  it("also accepts a key in PEM format", () => {
    expect(messageFor({ ...one, privateKeyFile: "pem" })).toBe("none");
  });

  it("needs the configured known_hosts file", () => {
    expect(messageFor({ ...one, knownHostsFile: "keys/known" })).toContain(
      "warren:ssh.knownHostsFile: keys/known does not exist",
    );
  });

  it("works without known_hosts", () => {
    const { knownHostsFile: _, ...without } = one;
    expect(messageFor(without)).toBe("none");
  });

  it("is pinned to the host's key, or to a key of no host if the host's key is unknown", async () => {
    expect(await engineKeyOf(one)).toBe("ssh-ed25519 ONE");
    const { hostKey: _, ...unknown } = one;
    const sent = String(await engineKeyOf(unknown));
    expect(hostKeySchema.parse(sent)).toBe(sent);
    expect(await engineKeyOf({ ...unknown, host: "another" })).toBe(sent);
  });

  it("never shows the key", () => {
    const line = readFileSync(join(checkout, "encrypted"), "utf8").split("\n")[1] ?? "";
    expect(line.length).toBeGreaterThan(20);
    expect(messageFor({ ...one, privateKeyFile: "encrypted" })).not.toContain(line);
  });
});
