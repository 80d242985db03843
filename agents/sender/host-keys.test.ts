import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { algorithmsOf, fingerprintOf, knownKeys } from "./host-keys.ts";

let folder: string;
let key: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "host-keys-"));
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(folder, "host")]);
  key = readFileSync(join(folder, "host.pub"), "utf8").trim();
});

afterAll(() => rmSync(folder, { recursive: true }));

test("a key's fingerprint is the one that ssh-keygen prints", () => {
  const [known] = knownKeys(`dd ${key}`, "dd", 22);
  const printed = execFileSync("ssh-keygen", ["-lf", join(folder, "host.pub")], { encoding: "utf8" });
  expect(printed).toContain(fingerprintOf(known?.key ?? Buffer.alloc(0)));
});

test("names hashed by ssh-keygen are found, also with ports", () => {
  const file = join(folder, "known_hosts");
  writeFileSync(file, `dd ${key}\n[dd]:2222 ${key}\n`);
  execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "ignore" });
  const text = readFileSync(file, "utf8");
  expect(text).toContain("|1|");
  expect([22, 2222, 2223].map((port) => knownKeys(text, "dd", port).length)).toEqual([1, 1, 0]);
  expect(knownKeys(text, "other", 22)).toEqual([]);
});

test("lists, patterns and exceptions are read; comments, CAs and incomplete lines are ignored; a revoked key is marked", () => {
  const text = `# dd ${key}\n@cert-authority * ${key}\ndd\n\nx,*.gc.ca,!bad.gc.ca ${key}\n@revoked dd ${key}\n`;
  expect(knownKeys(text, "wxo-b1.gc.ca", 22)).toHaveLength(1);
  expect(knownKeys(text, "bad.gc.ca", 22)).toEqual([]);
  expect(knownKeys(text, "wxo-b1xgc.ca", 22)).toEqual([]);
  expect(knownKeys(text, "dd", 22)).toMatchObject([{ isRevoked: true }]);
});

test("only the types of the known keys are requested from a server", () => {
  const known = (type: string) => ({ type, key: Buffer.alloc(0), isRevoked: false });
  expect(algorithmsOf([known("ssh-rsa"), known("ssh-ed25519")])).toEqual([
    ...["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"],
  ]);
});
