import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type ProviderProcess, startProvider } from "../lib/provider-client.ts";
import { assetArchive, isSecret, type PropertyMap, pathArchive, pathAsset, secret, textAsset } from "../lib/values.ts";
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

it("copies a large file completely, and leaves no other file", async () => {
  const content = randomBytes(40 * 1024 * 1024);
  const local = join(sshd.folder, "large");
  await writeFile(local, content);
  await provider.create(type, inputs(pathAsset(local), join(remote, "big", "file")));
  expect((await readFile(join(remote, "big", "file"))).equals(content)).toBe(true);
  expect(await readdir(join(remote, "big"))).toEqual(["file"]);
});

it("copies a text, and an empty one", async () => {
  const { outputs } = await provider.create(type, inputs(textAsset("Grüße\n"), join(remote, "text")));
  expect(await readFile(join(remote, "text"), "utf8")).toBe("Grüße\n");
  expect(isSecret(outputs.connection)).toBe(true);
  await provider.create(type, inputs(textAsset(""), join(remote, "empty")));
  expect((await stat(join(remote, "empty"))).size).toBe(0);
  await expect(provider.create(type, inputs(textAsset("x"), remote))).rejects.toThrow("is a directory");
});

it("replaces a file under its name in one step, keeping its mode, through a link", async () => {
  const [target, link] = [join(remote, "target"), join(remote, "link")];
  await writeFile(target, "old");
  await chmod(target, 0o750);
  await symlink(target, link);
  const before = await stat(target);
  await provider.create(type, inputs(textAsset("new"), link));
  const after = await stat(target);
  expect(await readFile(target, "utf8")).toBe("new");
  expect([after.mode & 0o7777, after.ino === before.ino]).toEqual([0o750, false]);
});

it("copies a file into an existing folder, and a folder or, with a trailing slash, its content", async () => {
  const folder = join(sshd.folder, "tree");
  await mkdir(join(folder, "a", "b"), { recursive: true });
  await writeFile(join(folder, "a", "b", "deep"), "deep");
  await writeFile(join(folder, "top"), "top");
  await provider.create(type, inputs(pathAsset(join(folder, "top")), remote));
  expect(await readFile(join(remote, "top"), "utf8")).toBe("top");
  await provider.create(type, inputs(pathArchive(folder), join(remote, "beside")));
  expect(await readFile(join(remote, "beside", "tree", "a", "b", "deep"), "utf8")).toBe("deep");
  await provider.create(type, inputs(pathArchive(`${folder}/`), join(remote, "into")));
  expect((await readdir(join(remote, "into"))).sort()).toEqual(["a", "top"]);
  await writeFile(join(remote, "taken"), "");
  await expect(provider.create(type, inputs(pathArchive(folder), join(remote, "taken")))).rejects.toThrow(
    "exists and is not a directory",
  );
});

it("is changed by content, not by the content's local path", async () => {
  const old = inputs(hashed(pathAsset("/one/place"), "same"), "/p");
  const moved = inputs(hashed(pathAsset("/another/place"), "same"), "/p");
  const changed = inputs(hashed(pathAsset("/one/place"), "other"), "/p");
  expect((await provider.diff(type, old, moved)).changed).toBe(false);
  expect((await provider.diff(type, old, changed)).detailed).toEqual({ source: "UPDATE" });
  expect((await provider.diff(type, old, { ...old, triggers: [1] })).detailed).toEqual({ triggers: "ADD_REPLACE" });
});

it("copies again on update only when content or place changed", async () => {
  const path = join(remote, "updated");
  const first = inputs(hashed(textAsset("one"), "one"), path);
  await provider.create(type, first);
  await writeFile(path, "by hand");
  await provider.update(type, first, { ...first, triggers: [] });
  expect(await readFile(path, "utf8")).toBe("by hand");
  await provider.update(type, first, inputs(hashed(textAsset("two"), "two"), path));
  expect(await readFile(path, "utf8")).toBe("two");
});

it("refuses by name what the official provider refuses", async () => {
  const uri = { ...textAsset(""), text: "", uri: "https://example.org/x" };
  const { failures } = await provider.check(type, inputs(uri, "/x"));
  expect(failures).toEqual([{ path: "source", reason: expect.stringContaining("RemoteAsset") }]);
  const archive = await provider.check(type, inputs(assetArchive({ a: textAsset("a") }), "/x"));
  expect(archive.failures).toEqual([{ path: "source", reason: expect.stringContaining("FileArchive") }]);
  const none = await provider.check(type, { connection: { host: "h" } });
  expect(none.failures.map(({ path }) => path)).toEqual(["source", "remotePath"]);
});

it("names a missing local file, and a remote one that can't be written", async () => {
  await expect(provider.create(type, inputs(pathAsset("/no/such/file"), "/x"))).rejects.toThrow("/no/such/file");
  await expect(provider.create(type, inputs(textAsset("x"), "/proc/warren/x"))).rejects.toThrow("/proc/warren");
});

it("removes nothing on delete", async () => {
  await provider.delete(type, "x", inputs(textAsset("x"), join(remote, "text")));
  expect(await readFile(join(remote, "text"), "utf8")).toBe("Grüße\n");
});
