import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { nodeProgram } from "../../scripts/engine/places.ts";
import { ensureToolchain, type Toolchain } from "../../scripts/engine/toolchain/toolchain.ts";
import { type Sshd, startSshd } from "./command/sshd.ts";

// The real engine, the language host and the command provider together, on a project of this test. Among the lab's tests, because installing the
// engine may take minutes; the host is an sshd on the loopback address.

const root = join(import.meta.dirname, "../..");
const password = "pa55word-of-feeder";

let toolchain: Toolchain;
let sshd: Sshd;
let project: string;

beforeAll(async () => {
  [toolchain, sshd] = await Promise.all([ensureToolchain(), startSshd()]);
  project = await mkdtemp(join(tmpdir(), "warren-engine-"));
  await mkdir(join(project, "state"));
  await symlink(join(root, "node_modules"), join(project, "node_modules"));
  await writeFile(join(project, "package.json"), '{ "type": "module" }');
  await writeFile(
    join(project, "Pulumi.yaml"),
    "name: wire\nmain: index.ts\nruntime: { name: nodejs, options: { typescript: false } }\n",
  );
  await pulumi(["stack", "init", "test"]);
});
afterAll(async () => {
  await sshd.stop();
  await rm(project, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

function pulumi(args: readonly string[], onStart?: (kill: (signal: NodeJS.Signals) => void) => void): Promise<Ended> {
  const child = spawn(toolchain.pulumi, [...args, "--non-interactive"], {
    cwd: project,
    env: {
      ...process.env,
      ...toolchain.env,
      PATH: `${dirname(nodeProgram)}:${process.env.PATH}`,
      PULUMI_BACKEND_URL: `file://${join(project, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "of a test",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
  onStart?.((signal) => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve({ code, output }));
  });
}

interface Program {
  readonly create?: string;
  readonly trigger?: string;
  readonly text?: string;
}

/** A program with a command that gets a secret, and a file, on the test's host. */
async function writeProgram({ create = "cat > made", trigger = "1", text = "first" }: Program): Promise<void> {
  const connection = { ...sshd.connection, dialErrorLimit: 0 };
  await writeFile(join(project, "text"), text);
  await writeFile(
    join(project, "index.ts"),
    `import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
const connection = ${JSON.stringify(connection)};
const command: remote.Command = new remote.Command("command", {
  connection,
  create: ${JSON.stringify(`cd ${sshd.folder}; ${create}`)},
  update: "echo updated",
  delete: "rm ${sshd.folder}/made",
  stdin: pulumi.secret("${password}"),
  triggers: ["${trigger}"],
  addPreviousOutputInEnv: false,
});
new remote.CopyToRemote("file", {
  connection,
  source: new pulumi.asset.FileAsset("text"),
  remotePath: "${sshd.folder}/copied",
}, { dependsOn: [command] });
export const stdout = command.stdout;
`,
  );
}

async function everything(folder: string): Promise<string> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  return (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), "latin1")))).join("\n");
}

it("up creates what the program declares, and a second preview finds nothing to do", async () => {
  await writeProgram({});
  const { code, output } = await pulumi(["up", "--yes", "-s", "test"]);
  expect(output).toContain("+ 3 created");
  expect(code).toBe(0);
  expect(await readFile(join(sshd.folder, "made"), "utf8")).toBe(password);
  expect(await readFile(join(sshd.folder, "copied"), "utf8")).toBe("first");
  expect(await pulumi(["preview", "--expect-no-changes", "-s", "test"])).toMatchObject({ code: 0 });
});

it("no secret is in the state in clear text, or in what the engine shows", async () => {
  await writeProgram({ create: "cat > made; echo again" });
  const preview = await pulumi(["preview", "--diff", "-s", "test"]);
  expect(preview.code).toBe(0);
  const key = sshd.privateKey.split("\n")[1] ?? "no key";
  for (const text of [preview.output, await everything(join(project, "state"))]) {
    expect(text).not.toContain(password);
    expect(text).not.toContain(key);
  }
});

it("another script updates in place, another trigger replaces, another text is copied", async () => {
  await writeProgram({ create: "cat > made; echo again", text: "second" });
  const updated = await pulumi(["up", "--yes", "-s", "test"]);
  expect(updated.output).toContain("~ 2 updated");
  expect(await readFile(join(sshd.folder, "copied"), "utf8")).toBe("second");
  await writeProgram({ create: "cat > made; echo again", text: "second", trigger: "2" });
  expect((await pulumi(["up", "--yes", "-s", "test"])).output).toContain("+-1 replaced");
});

it("a failing command fails the run, with its last output and without its secrets", async () => {
  await writeProgram({ create: "cat >&2; echo no luck >&2; exit 9", trigger: "3" });
  const { code, output } = await pulumi(["up", "--yes", "-s", "test"]);
  expect(code).not.toBe(0);
  expect(output).toContain("the create command failed with exit code 9; last on stderr:");
  expect(output).toContain("no luck");
  expect(output).not.toContain(password);
});

it("an interrupt stops a running command and the engine within a few seconds", async () => {
  await writeProgram({ create: "touch begun; while echo tick; do sleep 0.1; done", trigger: "4" });
  const began = (async () => {
    await expect.poll(() => readdir(sshd.folder), { timeout: 20_000 }).toContain("begun");
    return performance.now();
  })();
  const ended = await pulumi(["up", "--yes", "-s", "test"], (kill) => void began.then(() => kill("SIGINT")));
  expect(ended.code).not.toBe(0);
  expect(ended.output).toContain("cancelled by the engine");
  expect(performance.now() - (await began)).toBeLessThan(5000);
});

it("destroy succeeds if the host is gone, and reports what it did not do", async () => {
  await sshd.stop();
  const { code, output } = await pulumi(["destroy", "--yes", "-s", "test"]);
  expect(output).toContain("its delete command was not run");
  expect(code).toBe(0);
});
