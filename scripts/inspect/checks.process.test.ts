import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../infra/checks/rules.ts";

// A fresh clone: no state, no engine, no secrets, only the lab's passphrase.
const clone = mkdtempSync(path.join(tmpdir(), "warren-clone-"));
const checkout = path.join(import.meta.dirname, "../..");

beforeAll(() => {
  for (const name of ["agents", "infra", "scripts", "stacks", "templates", "package.json", "Pulumi.yaml"]) {
    cpSync(path.join(checkout, name), path.join(clone, name), { recursive: true });
  }
  rmSync(path.join(clone, "stacks/Pulumi.op.passphrase"), { force: true });
  symlinkSync(path.join(checkout, "node_modules"), path.join(clone, "node_modules"));
  const op = readFileSync(path.join(clone, "stacks/Pulumi.op.yaml"), "utf8");
  writeFileSync(path.join(clone, "stacks/Pulumi.tied.yaml"), op.replace(/bunny2-op: 100/, "bunny2-op: 150"));
  writeFileSync(path.join(clone, "stacks/Pulumi.wrong.yaml"), op.replace(/routerId: 247/, "routerId: 0"));
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

/** Half of each start is compiling. The clone has its own modules, except for the libraries. */
const compileCache = path.join(clone, "compile-cache");

function checks(...words: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [path.join(clone, "scripts/cli.ts"), "checks", ...words],
      { cwd: clone, env: { HOME: clone, PATH: "/nonexistent", NO_COLOR: "1", NODE_COMPILE_CACHE: compileCache } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

describe("./warren checks of a stack", () => {
  it("needs no engine, passphrase or secret, and exits with 0 if there are no errors", async () => {
    const { code, stdout, stderr } = await checks("-s", "op");
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^stack op: \d+ rules, 0 errors, /);
    expect(stdout).toContain("No earlier run of this stack is known here");
    expect(stdout).toMatch(/^to fill in, 22 values:\n {2}warren:hosts\.NAME\.address +urp-1, .*dd-beta, monitor-1\n/m);
    expect(stdout).toMatch(
      /^ {2}warren:secrets\.passwords\.NAME +root, feeder, anonymous, guest, queue-manager\n {2}keys\/op_ed25519$/m,
    );
    expect(existsSync(path.join(clone, ".warren"))).toBe(false);
  });

  it("reads a stack file with encrypted secrets, and shows warnings with path, rule and remedy", async () => {
    const { code, stdout } = await checks("-s", "lab");
    expect(code).toBe(0);
    expect(stdout).not.toContain("to fill in");
    expect(stdout).toMatch(
      /^warning {2}warren:brokers\.bunny\.permissions {2}\(anonymous-writes-shared\)\n {9}anonymous may delete cmc.*\n {9}remedy: set `permissions: safe`/m,
    );
  });

  it("lists every rule once, as found or passed", async () => {
    const { stdout } = await checks("-s", "op", "--json");
    const { findings, passed } = JSON.parse(stdout) as { findings: { rule: string }[]; passed: string[] };
    const listed = [...new Set(findings.map((finding) => finding.rule)), ...passed];
    expect(listed.toSorted()).toEqual(rules.map((rule) => rule.name).toSorted());
  });

  it("exits with 2 if a rule found an error, and shows it first", async () => {
    const { code, stdout } = await checks("-s", "tied");
    expect(code).toBe(2);
    expect(stdout.match(/^error .*/m)?.[0]).toBe("error    warren:virtualIps.bunny-op.priorities  (equal-priorities)");
  });

  it("reports errors of the file itself as every verb does", async () => {
    const { code, stderr } = await checks("-s", "wrong");
    expect(code).toBe(2);
    expect(stderr).toContain("warren:virtualIps.bunny-op.routerId");
    expect(stderr).not.toContain("secrets");
  });

  it.each([
    [["-s", "nowhere"], "stack nowhere: has no config"],
    [[], "no stack given"],
  ])("exits with 1 if it can't run: %j", async (words, complaint) => {
    const { code, stderr } = await checks(...words);
    expect(code).toBe(1);
    expect(stderr).toContain(complaint);
  });
});

describe("./warren checks of rules", () => {
  it("lists all rules with severity", async () => {
    const { stdout } = await checks("--list");
    for (const { name, severity } of rules) expect(stdout).toMatch(new RegExp(`^${severity} +${name} `, "m"));
  });

  it("explains a rule: severity, reason, remedy, source", async () => {
    const { stdout } = await checks("--explain", "dead-ldap-query");
    const rule = rules.find((one) => one.name === "dead-ldap-query");
    for (const text of [rule?.reason, rule?.remedy, rule?.source, "warning: shown at every preview"]) {
      expect(stdout).toContain(text);
    }
  });

  it.each([
    ["equal-priority", "equal-priorities"],
    ["ldap-query", "dead-ldap-query"],
    ["qourum-of-two", "quorum-of-two"],
  ])("suggests the nearest names for an unknown rule: %s", async (typed, nearest) => {
    const { code, stderr } = await checks("--explain", typed);
    expect(code).toBe(1);
    expect(stderr).toContain(`the nearest are ${nearest}, `);
  });
});
