import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { execa } from "execa";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkout } from "../engine/places.ts";
import { ensureToolchain } from "../engine/toolchain/toolchain.ts";

// With the real engine, in a checkout of its own: a new stack must not stay in this one.
const run = promisify(execFile);
const copy = mkdtempSync(path.join(tmpdir(), "warren-new-stack-"));
const at = (file: string) => path.join(copy, file);

beforeAll(async () => {
  await ensureToolchain();
  const files = "git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t";
  await run("sh", ["-c", `${files} "$1"`, "sh", copy], { cwd: checkout });
  symlinkSync(path.join(checkout, "node_modules"), at("node_modules"));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PULUMI_")));

/** `./warren` on a terminal, which `script` makes. Each answer is typed once its question is there. */
async function onTerminal(words: readonly string[], answers: readonly (readonly [question: string, keys: string])[]) {
  const command = ["./warren", ...words].join(" ");
  const child = execa("script", ["--quiet", "--return", "--command", command, "/dev/null"], {
    cwd: copy,
    env,
    extendEnv: false,
    stdin: "pipe",
    reject: false,
  });
  const left = [...answers];
  let printed = "";
  child.stdout.on("data", (data: Buffer) => {
    printed += data.toString();
    const [next] = left;
    if (!next || !printed.includes(next[0])) return;
    left.shift();
    printed = "";
    child.stdin.write(next[1]);
  });
  const { exitCode, stdout } = await child;
  return { exitCode, stdout, left };
}

/** Addresses of the range for documentation (RFC 5737), which no host has. */
const conversation = [
  ["Domain", "weather.example.org\r"],
  ["Debian release", "\r"],
  ["Radar servers", "urp-1\r"],
  ["expected NAME=ADDRESS", "urp-1=192.0.2.11\r"],
  ["Brokers", "bunny1=192.0.2.21 bunny2=192.0.2.22 bunny3=192.0.2.23\r"],
  ["Pulling servers", "pds-1=192.0.2.31\r"],
  ["Monitors", "\r"],
  ["Virtual IP", "192.0.2.50\r"],
  ["interface", "\r"],
  ["router id", "\r"],
  ["Login", "\r"],
] as const;

/** From a clone to a preview. */
const withinMs = 300_000;

test("a person who answers the questions has a preview of the new stack within five minutes", async () => {
  const began = performance.now();
  const made = await onTerminal(["stack", "new", "trial"], [...conversation, ["Private key", "\r"]]);
  expect(made.exitCode, made.stdout).toBe(0);
  expect(made.left).toEqual([]);
  expect(made.stdout).toContain("./warren preview -s trial");
  for (const file of ["keys/trial_ed25519", "stacks/Pulumi.trial.passphrase"])
    expect(statSync(at(file)).mode & 0o777, file).toBe(0o600);
  expect(readFileSync(at("stacks/Pulumi.trial.yaml"), "utf8").match(/secure: v1:/g)?.length).toBeGreaterThan(4);
  const key = await run("ssh-keygen", ["-y", "-f", at("keys/trial_ed25519")]);
  expect(readFileSync(at("keys/trial_ed25519.pub"), "utf8")).toContain(key.stdout.split(" ")[1]);

  const preview = await execa("./warren", ["preview", "-s", "trial", "--full"], {
    cwd: copy,
    env,
    extendEnv: false,
    reject: false,
  });
  expect(preview.exitCode, preview.stderr).toBe(0);
  expect(preview.stdout).toMatch(/^bunny1: \d+ to create: .*rabbitmq-server\.service/m);
  expect(readFileSync(at("stacks/Pulumi.trial.yaml"), "utf8")).toContain("192.0.2.21");
  expect(performance.now() - began).toBeLessThan(withinMs);
});

test("nothing is overwritten", async () => {
  const again = await onTerminal(["stack", "new", "trial"], []);
  expect(again.exitCode).toBe(1);
  expect(again.stdout).toContain("stacks/Pulumi.trial.yaml: already exists");
});

test.each([
  ["during the questions", [...conversation.slice(0, 2), ["Radar servers", "\u0003"]]],
  ["while secrets are made", [...conversation, ["Private key", "\r"], ["secrets: 2", "\u0003"]]],
] as const)("Ctrl-C %s leaves nothing", async (_when, answers) => {
  const { exitCode, stdout, left } = await onTerminal(["stack", "new", "broken-off"], answers);
  expect(left).toEqual([]);
  expect(exitCode, stdout).toBe(130);
  const files = ["keys", "stacks", ".warren/state/.pulumi/stacks/warren"].filter((folder) => existsSync(at(folder)));
  // The engine keeps a copy of the state that it removes, here an empty one, under a name that no stack has.
  const names = files.flatMap((folder) => readdirSync(at(folder))).filter((name) => !/\.bak(\.attrs)?$/.test(name));
  expect(names.filter((name) => name.includes("broken-off"))).toEqual([]);
});
