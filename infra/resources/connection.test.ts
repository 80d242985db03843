import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import type { ConnectionModel } from "../model/types.ts";
import { connectionInput } from "./connection.ts";

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "warren-connection-"));
});
beforeEach(() => {
  writeFileSync(join(checkout, "key"), "PRIVATE");
  writeFileSync(join(checkout, "hosts"), "10.0.0.1 ssh-ed25519 ONE\n10.0.0.2 ssh-ed25519 TWO\n");
});
afterAll(() => rmSync(checkout, { recursive: true }));

const one: ConnectionModel = {
  host: "one",
  address: "10.0.0.1",
  port: 22,
  user: "root",
  privateKeyFile: "key",
  knownHostsFile: "hosts",
  dialTimeoutSeconds: 5,
};

/** What the person sees of a mistake. */
function said(connection: ConnectionModel): string {
  try {
    connectionInput(connection, checkout);
  } catch (error) {
    if (error instanceof UserError) return error.format();
    throw error;
  }
  return "nothing";
}

describe("connectionInput", () => {
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

  it("refuses a host whose key nobody has pinned, and a jump host likewise", () => {
    expect(said({ ...one, address: "10.0.0.3" })).toContain("no host key of one (10.0.0.3)");
    const via = { ...one, host: "jump", address: "10.0.0.4" };
    expect(said({ ...one, via })).toContain("no host key of jump (10.0.0.4)");
  });

  it("never shows the key", () => {
    writeFileSync(join(checkout, "hosts"), "");
    expect(said(one)).not.toContain("PRIVATE");
  });
});
