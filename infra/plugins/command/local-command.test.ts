import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import { assetArchive, pathAsset, secret } from "../lib/values.ts";

const type = "command:local:Command";

let provider: ProviderProcess;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-local-"));
  provider = await startProvider(join(import.meta.dirname, "main.ts"));
});
afterAll(async () => {
  await provider.stop();
  await rm(folder, { recursive: true });
});

it("creates, updates and deletes with its scripts, in its folder, with input and environment", async () => {
  const inputs = {
    create: 'cat > made; echo "$WHO"',
    stdin: "text",
    environment: { WHO: "me" },
    dir: folder,
    delete: "rm made",
  };
  const { outputs } = await provider.create(type, inputs);
  expect(outputs).toMatchObject({ stdout: "me", stderr: "" });
  const next = { ...inputs, update: 'cat made; echo " after $PULUMI_COMMAND_STDOUT"' };
  const updated = await provider.update(type, outputs, next);
  expect(updated.stdout).toBe("text after me");
  await provider.delete(type, "x", updated);
  const { outputs: left } = await provider.create(type, { create: "ls", dir: folder });
  expect(left.stdout).toBe("");
});

it("runs another interpreter", async () => {
  const { outputs } = await provider.create(type, {
    create: "process.stdout.write('2')",
    interpreter: [process.execPath, "-e"],
  });
  expect(outputs.stdout).toBe("2");
});

it("returns the files that its globs select", async () => {
  await mkdir(join(folder, "src", "deep"), { recursive: true });
  for (const path of ["src/index.js", "src/secret.js", "src/deep/a.js", "top.txt"])
    await writeFile(join(folder, path), path);
  const { outputs } = await provider.create(type, {
    create: "true",
    dir: folder,
    assetPaths: ["src/**.js", "!**secret.*"],
    archivePaths: ["*.{txt,md}"],
  });
  expect(outputs.assets).toEqual({
    "src/deep/a.js": pathAsset(join(folder, "src/deep/a.js")),
    "src/index.js": pathAsset(join(folder, "src/index.js")),
  });
  expect(outputs.archive).toEqual(assetArchive({ "top.txt": pathAsset(join(folder, "top.txt")) }));
});

it("fails with exit code and last output, and names a missing folder or interpreter", async () => {
  const failed = provider.create(type, { create: "echo no luck >&2; exit 4 # hunter2" });
  const error: Error = await failed.catch((each) => each);
  expect(error.message).toContain("the create command failed with exit code 4; last on stderr:\nno luck");
  expect(error.message).not.toContain("hunter2");
  await expect(provider.create(type, { create: "true", dir: "/no/such" })).rejects.toThrow(
    "dir: /no/such is not a directory",
  );
  await expect(provider.create(type, { create: "true", interpreter: ["/no/shell"] })).rejects.toThrow("/no/shell");
});

it("keeps secrets marked and replaces on triggers", async () => {
  const { outputs } = await provider.create(type, { create: "cat", stdin: secret("hush") });
  expect(outputs).toMatchObject({ stdin: secret("hush"), stdout: secret("hush") });
  expect(await provider.diff(type, { triggers: ["a"] }, { triggers: ["b"] })).toMatchObject({
    replaces: ["triggers"],
  });
});

it("runs a function's command, and reports invalid arguments", async () => {
  const { outputs } = await provider.invoke("command:local:run", { command: "echo now", dir: folder });
  expect(outputs).toMatchObject({ command: "echo now", stdout: "now", stderr: "" });
  const { failures } = await provider.invoke("command:local:run", { dir: 1 });
  expect(failures.map(({ path }) => path)).toEqual(["command", "dir"]);
  await expect(provider.invoke("command:local:fly", {})).rejects.toThrow("command:local:fly: not supported");
});

it("stops the command and its child processes when the engine cancels", async () => {
  const own = await startProvider(join(import.meta.dirname, "main.ts"));
  const running = own.create(type, { create: "sleep 61 & echo $!; wait" }).catch((error) => error);
  const { message: pid } = await own.plugin.line((line) => /^\d+$/.test(line.message));
  await own.cancel();
  expect((await running).message).toContain("cancelled by the engine");
  await expect.poll(() => runs(Number(pid))).toBe(false);
  await own.stop();
});

/** A zombie process counts as ended. */
async function runs(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return !status.slice(status.lastIndexOf(")")).startsWith(") Z");
}
