import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import { hostKeySchema } from "../config/host-key.ts";
import type { ConnectionModel } from "../model/types.ts";
import { connectionInput, requireLogins } from "./connection.ts";

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "warren-connection-"));
});
beforeEach(() => {
  writeFileSync(join(checkout, "key"), "PRIVATE");
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

  it("says which file is missing, which setting names it, and what to do", () => {
    const text = said({ ...one, privateKeyFile: "keys/op_ed25519" });
    expect(text).toContain("warren:ssh.privateKeyFile");
    expect(text).toContain("keys/op_ed25519 can't be read");
    expect(text).toContain("./warren lab up");
    expect(said({ ...one, knownHostsFile: "keys/known" })).toContain(
      "warren:ssh.knownHostsFile: keys/known can't be read",
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
    expect(said({ ...one, knownHostsFile: "keys/known" })).not.toContain("PRIVATE");
  });
});
