import { execFile } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfig } from "../../../agents/lib/config.ts";
import { configSchema as receiverSchema } from "../../../agents/receiver/config.ts";
import { amqpConfig as senderSchema } from "../../../agents/sender/config.ts";
import { shellLines } from "../../../tests/docs/pages.ts";
import { type ImportPxOptions, importPx } from "./run.ts";

const checkout = resolve(import.meta.dirname, "../../..");
const examples = "scripts/migrate/import-px/examples";
const notify = `${examples}/tx/dd-notify-wxo-b1.conf`;
const run = promisify(execFile);

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "import-px-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function imported(files: readonly string[], own: Partial<ImportPxOptions> = {}): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  const print = {
    out: (text: string) => {
      stdout += text;
    },
    err: (text: string) => {
      stderr += text;
    },
  };
  const code = await importPx(files, { root: "/apps/px", metricsPort: 9111, ...own }, print);
  return { code, stdout, stderr };
}

test("the source's examples give the recorded configs and the recorded list of unsupported settings", async () => {
  const files = globSync(`${examples}/*/*.conf`, { cwd: checkout }).sort();
  const argv = [join(checkout, "scripts/cli.ts"), "import-px", ...files];
  const ended = await run(process.execPath, argv, { cwd: checkout }).catch((error: Ended) => error);
  expect((ended as Ended).code).toBe(1);
  await expect(`${ended.stdout}\n${ended.stderr}`).toMatchFileSnapshot("examples/golden.txt");
});

test("the source's dd-notify gives its sender: only the password, which is asterisks there, is left to set", async () => {
  const { code, stdout } = await imported([notify], { json: true });
  expect(code).toBe(2);
  const [made] = JSON.parse(stdout);
  expect(made.config).toMatchObject({
    broker: { hosts: ["wxo-b1.cmc.ec.gc.ca:5672"], user: "feeder" },
    ...{ exchange: "cmc", exchangeType: "topic", exchangeKey: "exp.dd.notify.$".concat("{0}") },
    ...{ validation: false, noDuplicates: false },
    rules: [{ reject: "^ensemble.naefs.grib2.raw.*" }, { accept: "^(.*)\\+\\+.*" }],
  });
  const left = made.findings.filter(({ kind }: { kind: string }) => kind !== "noted");
  expect(left).toMatchObject([{ file: notify, line: 9, option: "password" }]);
});

test("written configs are valid for the agents; passwords are in files for this user only, and in no output", async () => {
  const text = readFileSync(join(checkout, notify), "utf8").replace("********", "t0p-secret");
  writeFileSync(join(folder, "dd-notify.conf"), text);
  const output = join(folder, "new");
  const sent = await imported([join(folder, "dd-notify.conf")], { as: "sender", output });
  expect(sent).toMatchObject({ code: 0, stdout: "" });
  const received = await imported([`${examples}/rx/radar-urls.conf`], { output, json: true });
  expect(received.code).toBe(2);
  const sender = await loadConfig(senderSchema, join(output, "dd-notify/sender.json"), {});
  const receiver = await loadConfig(receiverSchema, join(output, "radar-urls/receiver.json"), {});
  expect(sender.broker.passwordFile).toBe(join(output, "dd-notify/sender-password"));
  expect(readFileSync(sender.broker.passwordFile, "utf8")).toBe("t0p-secret\n");
  expect(statSync(sender.broker.passwordFile).mode & 0o777).toBe(0o600);
  expect(receiver.bindingKeys).toEqual(["exp.dd.notify.radar.#"]);
  expect(sent.stderr + received.stdout + received.stderr).not.toContain("t0p-secret");
});

test("existing files are overwritten only on request", async () => {
  expect((await imported([notify], { output: folder })).code).toBe(2);
  await expect(imported([notify], { output: folder })).rejects.toThrow("already exists");
  expect((await imported([notify], { output: folder, force: true })).code).toBe(2);
});

test("no sections are printed where a file can't be imported", async () => {
  const files = [notify, `${examples}/rx/pull_urp.conf`];
  expect(await imported(files, { stack: true })).toMatchObject({ code: 1, stdout: "" });
});

test("a missing file and a repeated name give clear messages", async () => {
  const missing = await imported([`${examples}/tx/none.conf`]);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain(`${examples}/tx/none.conf: can't be read: ENOENT`);
  await expect(imported([notify, notify])).rejects.toThrow("is the sender dd-notify-wxo-b1, as");
});

test("the commands in docs/agents.md work as described", async () => {
  const shown = shellLines("docs/agents.md").filter((line) => line.startsWith("./warren import-px"));
  const delivering = `${examples}/tx/wxo-b1-oper-dd.conf`;
  expect(shown).toEqual([
    `./warren import-px ${notify}`,
    `./warren import-px ${notify} --output /tmp/agents.new`,
    `./warren import-px ${delivering} ${notify} --stack`,
  ]);
  const sections = await imported([delivering, notify], { stack: true });
  expect(sections.code).toBe(2);
  expect(sections.stdout).toMatch(
    /^# From wxo-b1-oper-dd\.conf, dd-notify-wxo-b1\.conf\.[\s\S]*\n {2}warren:datamart:\n/,
  );
  expect(shellLines("docs/agents.md")).toContain(
    "./warren agent sender --config /tmp/agents.new/dd-notify-wxo-b1/sender.json --check-config",
  );
  const output = join(folder, "agents.new");
  expect((await imported([notify], { output })).code).toBe(2);
  const checked = [join(checkout, "scripts/cli.ts"), "agent", "sender", "--check-config", "--config"];
  const { stdout } = await run(process.execPath, [...checked, join(output, "dd-notify-wxo-b1/sender.json")]);
  expect(stdout).toContain("good");
});
