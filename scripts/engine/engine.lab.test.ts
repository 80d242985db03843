import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureStack, readPulumi, runPulumi } from "./engine.ts";
import { checkout, ownFolder } from "./places.ts";
import { ensureToolchain, type Toolchain } from "./toolchain/toolchain.ts";
import { pinnedVersions } from "./toolchain/versions.ts";

// The real engine, from any origin available on this machine. Among the lab's tests, because the first run takes minutes.
let toolchain: Toolchain;

beforeAll(async () => {
  toolchain = await ensureToolchain();
});

/** Runs `./warren …` without a terminal. */
function warren(args: readonly string[], environment: Record<string, string> = {}) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, ...environment };
    execFile(path.join(checkout, "warren"), args, { env, cwd: checkout }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, stdout, stderr }),
    );
  });
}

test("the engine and all three plugins are installed in the pinned versions, each with its origin", () => {
  const pinned = pinnedVersions();
  expect(toolchain.plugins.map(({ name }) => name)).toEqual(["language-nodejs", "command", "rabbitmq"]);
  expect(toolchain.plugins.slice(1).map(({ version }) => version)).toEqual(Object.values(pinned.providers));
  if (toolchain.origin !== "installed") expect(toolchain.version).toBe(pinned.engine);
});

test("./warren toolchain reports the same, as a table and as JSON, in less than a second if nothing is to do", async () => {
  const times: number[] = [];
  // The fastest of three: other tests' processes may still be ending.
  while (times.length < 3) {
    const began = performance.now();
    const { code, stdout } = await warren(["toolchain", "--json"]);
    times.push(performance.now() - began);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ pulumi: toolchain.pulumi, plugins: toolchain.plugins });
  }
  expect(Math.min(...times)).toBeLessThan(1000);
  expect((await warren(["toolchain"])).stdout.split("\n")).toHaveLength(5);
});

describe("./warren pulumi", () => {
  test("passes arguments and output through, and keeps the exit code", async () => {
    expect(await warren(["pulumi", "version"])).toMatchObject({ code: 0, stdout: `v${toolchain.version}\n` });
    const refused = await warren(["pulumi", "version", "--no-such-option"]);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain("no-such-option");
  });

  test("--help is the engine's own", async () => {
    expect((await warren(["pulumi", "preview", "--help"])).stdout).toContain("--expect-no-changes");
  });
});

test("plain pulumi does the same with the environment of ./warren toolchain --env", async () => {
  const script = `eval "$(./warren toolchain --env lab)" && pulumi whoami --verbose`;
  const text = await new Promise<string>((resolve) =>
    execFile("/bin/sh", ["-c", script], { cwd: checkout }, (_, stdout, stderr) => resolve(`${stdout}${stderr}`)),
  );
  expect(text).toContain(`Backend URL: file://${ownFolder}/state`);
});

test("a wrong passphrase gives a clear message and changes nothing", async () => {
  const wrong = { PULUMI_CONFIG_PASSPHRASE: "wrong" };
  const { code, stdout, stderr } = await warren(["preview", "-s", "lab"], wrong);
  expect(code).not.toBe(0);
  // The engine's message if the stack has a state, warren's message if not.
  expect(`${stdout}${stderr}`).toMatch(/incorrect passphrase|encrypted with another passphrase/);
});

test("up without a terminal requires --yes", async () => {
  const { code, stderr } = await warren(["up", "-s", "lab"]);
  expect(code).toBe(1);
  expect(stderr).toContain("remedy: add --yes");
});

describe("a stack derived from the lab's", () => {
  const stack = `engine-test-${process.pid}`;
  const folder = path.join(ownFolder, "labs", stack);
  const config = path.join(folder, `Pulumi.${stack}.yaml`);

  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    copyFileSync(path.join(checkout, "stacks/Pulumi.lab.yaml"), config);
  });

  afterAll(async () => {
    await runPulumi(["stack", "rm", "--yes", "--force", "--preserve-config", "--stack", stack], { stack });
    rmSync(folder, { recursive: true });
  });

  test("is created with its own config file, and changes no committed file", async () => {
    const before = readdirSync(path.join(checkout, "stacks"));
    await ensureStack(stack, { toolchain });
    expect(readdirSync(path.join(checkout, "stacks"))).toEqual(before);
    expect(readdirSync(folder)).toEqual([`Pulumi.${stack}.yaml`]);
    expect(readFileSync(config, "utf8")).toBe(readFileSync(path.join(checkout, "stacks/Pulumi.lab.yaml"), "utf8"));
    await ensureStack(stack, { toolchain });
  });

  test("has secrets that the labs' passphrase decrypts", async () => {
    const text = await readPulumi(["config", "--json", "--show-secrets", "--stack", stack], { stack, toolchain });
    expect(Object.keys(JSON.parse(text))).toContain("warren:hosts");
    expect(text).not.toContain("secure:");
  });
});
