import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import { isSecret, type PropertyMap, pathAsset, secret } from "../lib/values.ts";
import { type Sshd, startSshd } from "./sshd.ts";

const type = "command:remote:CopyToRemote";

let provider: ProviderProcess;
let sshd: Sshd;
let remote: string;

beforeAll(async () => {
  [provider, sshd] = await Promise.all([startProvider(join(import.meta.dirname, "main.ts")), startSshd()]);
  remote = join(sshd.folder, "remote");
  await mkdir(remote);
});
afterAll(async () => {
  await Promise.all([provider.stop(), sshd.stop()]);
});

function inputs(source: PropertyMap, remotePath: string): PropertyMap {
  return { connection: secret(sshd.connection), source, remotePath };
}

/** As the engine sends an asset: with the hash of its content. */
function hashed(asset: PropertyMap, content: string): PropertyMap {
  return { ...asset, hash: createHash("sha256").update(content).digest("hex") };
}

it("copies a large file completely", async () => {
  const content = randomBytes(40 * 1024 * 1024);
  const local = join(sshd.folder, "large");
  await writeFile(local, content);
  await provider.create(type, inputs(pathAsset(local), join(remote, "large")));
  expect((await readFile(join(remote, "large"))).equals(content)).toBe(true);
});

it("copies an empty file, and one over another, relative to the login's home", async () => {
  const local = join(sshd.folder, "local");
  const path = relative(homedir(), join(remote, "file"));
  for (const content of ["first", "", "Grüße\n"]) {
    await writeFile(local, content);
    const { outputs } = await provider.create(type, inputs(pathAsset(local), path));
    expect(await readFile(join(remote, "file"), "utf8")).toBe(content);
    expect(isSecret(outputs.connection)).toBe(true);
  }
});

it("is changed by content, not by the content's local path", async () => {
  const old = inputs(hashed(pathAsset("/one/place"), "same"), "/p");
  const moved = inputs(hashed(pathAsset("/another/place"), "same"), "/p");
  const changed = inputs(hashed(pathAsset("/one/place"), "other"), "/p");
  expect((await provider.diff(type, old, moved)).changed).toBe(false);
  expect((await provider.diff(type, old, changed)).detailed).toEqual({ source: "UPDATE" });
  expect((await provider.diff(type, old, { ...old, triggers: [1] })).detailed).toEqual({ triggers: "ADD_REPLACE" });
});

it("copies again on update only when content or place changed, and removes nothing on delete", async () => {
  const [local, path] = [join(sshd.folder, "local"), join(remote, "updated")];
  await writeFile(local, "one");
  const first = inputs(hashed(pathAsset(local), "one"), path);
  await provider.create(type, first);
  await writeFile(path, "by hand");
  await provider.update(type, first, { ...first, triggers: [] });
  expect(await readFile(path, "utf8")).toBe("by hand");
  await writeFile(local, "two");
  await provider.update(type, first, inputs(hashed(pathAsset(local), "two"), path));
  await provider.delete(type, "x", first);
  expect(await readFile(path, "utf8")).toBe("two");
});

it("refuses what is no file's path", async () => {
  const { path: _, ...text } = pathAsset("");
  const { failures } = await provider.check(type, inputs({ ...text, text: "of a StringAsset" }, "x"));
  expect(failures).toEqual([{ path: "source", reason: expect.stringContaining("FileAsset") }]);
  const none = await provider.check(type, { connection: secret(sshd.connection) });
  expect(none.failures.map(({ path }) => path)).toEqual(["source", "remotePath"]);
});

it("names a missing local file, and a remote one that can't be written", async () => {
  await expect(provider.create(type, inputs(pathAsset("/no/such/file"), "x"))).rejects.toThrow("/no/such/file");
  const local = join(sshd.folder, "user");
  await expect(provider.create(type, inputs(pathAsset(local), "/proc/warren/x"))).rejects.toThrow("/proc/warren");
});
