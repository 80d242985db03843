import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requireConfig, selectedStack, stackOf, stackSettings, stateFile, withConfigFile } from "./stack.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "warren-stack-"));
  put("stacks/Pulumi.lab.yaml", "config: {}\nencryptionsalt: v1:x\n");
  put("stacks/Pulumi.lab.passphrase", "no secret\n");
  put("stacks/Pulumi.op.yaml", "config: {}\nencryptionsalt: v1:x\n");
});

afterEach(() => rmSync(root, { recursive: true }));

function put(name: string, text: string): string {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

/** An environment without settings and with an empty home. */
const bare = () => ({ HOME: path.join(root, "home") });
const settings = (stack: string | undefined, environment: NodeJS.ProcessEnv = bare()) =>
  stackSettings(stack, { root, environment });

describe("passphrase", () => {
  test("a stack's own file is used", () => {
    const file = put("stacks/Pulumi.op.passphrase", "secret\n");
    expect(settings("op").env.PULUMI_CONFIG_PASSPHRASE_FILE).toBe(file);
  });

  test("the environment's setting overrides a file, even if it is empty", () => {
    put("stacks/Pulumi.op.passphrase", "secret\n");
    expect(settings("op", { ...bare(), PULUMI_CONFIG_PASSPHRASE: "" }).env).not.toHaveProperty(
      "PULUMI_CONFIG_PASSPHRASE_FILE",
    );
    expect(settings("op", { ...bare(), PULUMI_CONFIG_PASSPHRASE_FILE: "/x" }).env).not.toHaveProperty(
      "PULUMI_CONFIG_PASSPHRASE_FILE",
    );
  });

  test("a missing one is an error that names its file, unless a terminal can ask for it", () => {
    expect(() => settings("op")).toThrow(/encrypted with a passphrase/);
    expect(() => stackSettings("op", { root, environment: bare(), canAsk: true })).not.toThrow();
  });

  test("none is needed with a key service, or without a stack", () => {
    put("stacks/Pulumi.keys.yaml", "secretsprovider: awskms://alias/x\nconfig: {}\n");
    expect(() => settings("keys")).not.toThrow();
    expect(() => settings(undefined)).not.toThrow();
  });

  test("none is needed on the vendor's service for a stack that it encrypts", () => {
    put("stacks/Pulumi.cloud.yaml", "config: {}\n");
    expect(() => settings("cloud", { ...bare(), PULUMI_BACKEND_URL: "https://api.example" })).not.toThrow();
    expect(() => settings("op", { ...bare(), PULUMI_BACKEND_URL: "https://api.example" })).toThrow(/passphrase/);
  });
});

describe("labs", () => {
  test("a derived lab has its own config file and the labs' passphrase", () => {
    const file = put(".warren/labs/trial/Pulumi.trial.yaml", "config: {}\nencryptionsalt: v1:x\n");
    const { configFile, env } = settings("trial");
    expect(configFile).toBe(file);
    expect(env.PULUMI_CONFIG_PASSPHRASE_FILE).toBe(path.join(root, "stacks/Pulumi.lab.passphrase"));
  });

  test("a lab's state stays in the checkout if the user is logged in elsewhere; another stack's doesn't", () => {
    put("home/.pulumi/credentials.json", JSON.stringify({ current: "https://api.example" }));
    put("stacks/Pulumi.op.passphrase", "secret\n");
    expect(settings("lab").env.PULUMI_BACKEND_URL).toBe(`file://${root}/.warren/state`);
    expect(settings("op").env).not.toHaveProperty("PULUMI_BACKEND_URL");
    expect(settings("op").env.PULUMI_CREDENTIALS_PATH).toBe(path.join(root, "home/.pulumi"));
  });

  test("a backend set by hand is kept, also for a lab", () => {
    expect(settings("lab", { ...bare(), PULUMI_BACKEND_URL: "file:///elsewhere" }).env).not.toHaveProperty(
      "PULUMI_BACKEND_URL",
    );
  });

  test("a committed stack of the same name is no lab", () => {
    put(".warren/labs/op/Pulumi.op.yaml", "config: {}\n");
    put("stacks/Pulumi.op.passphrase", "secret\n");
    expect(settings("op").configFile).toBeUndefined();
  });
});

describe("which stack", () => {
  test.each([
    [["up", "-s", "op"], "op"],
    [["-sop", "up"], "op"],
    [["up", "--stack=org/warren/op"], "org/warren/op"],
    [["up", "--stack", "op", "-s", "lab"], "op"],
    [["up", "--", "-s", "op"], undefined],
    [["stack", "ls"], undefined],
  ])("%j selects %s", (args, stack) => {
    expect(stackOf(args, {})).toBe(stack);
  });

  test("without an option PULUMI_STACK applies, then the selected stack", () => {
    expect(stackOf(["up"], { PULUMI_STACK: "dev" })).toBe("dev");
    const home = path.join(root, "engine-home");
    const project = createHash("sha1").update(path.join(root, "Pulumi.yaml")).digest("hex");
    put(`engine-home/workspaces/warren-${project}-workspace.json`, JSON.stringify({ stack: "op" }));
    expect(selectedStack(home, root)).toBe("op");
    expect(selectedStack(path.join(root, "none"), root)).toBeUndefined();
  });

  test("a stack without config is refused, with the names of stacks that have one", () => {
    expect(() => requireConfig("op", root)).not.toThrow();
    expect(() => requireConfig("nope", root)).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining("lab, op") }),
    );
  });
});

describe("config file in arguments", () => {
  test("is added right after a command that accepts it", () => {
    expect(withConfigFile(["up", "--yes"], "/c.yaml")).toEqual(["up", "--config-file", "/c.yaml", "--yes"]);
    expect(withConfigFile(["--color", "never", "preview"], undefined)).toEqual(["--color", "never", "preview"]);
  });

  test("is not added twice, nor to a command that doesn't accept it", () => {
    expect(withConfigFile(["up", "--config-file=/mine.yaml"], "/c.yaml")).toEqual(["up", "--config-file=/mine.yaml"]);
    expect(withConfigFile(["stack", "output"], "/c.yaml")).toEqual(["stack", "output"]);
  });
});

test("a folder backend's state is a readable file; another backend has none", () => {
  expect(stateFile("file:///w/.warren/state", "org/warren/lab")).toBe(
    "/w/.warren/state/.pulumi/stacks/warren/lab.json",
  );
  expect(stateFile("file:///w/state?metadata=skip", "lab")).toBe("/w/state/.pulumi/stacks/warren/lab.json");
  expect(stateFile("s3://bucket", "lab")).toBeUndefined();
});
