import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answered } from "../../../infra/commands/fixture.ts";
import { fetchScript, parseHostState, putScript } from "./journals.ts";

// Runs the scripts as a host's shell would, on folders of this machine and without systemd. That a dispatcher remembers a restored journal is tested on
// the lab's hosts.

/** An account that every Debian has. */
const nobody = 65_534;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-journals-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function journalOf(host: string, files: Record<string, string>): Promise<void> {
  await mkdir(join(folder, host, "journal"), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, host, "journal", name), text);
}

const fetched = async (host: string) =>
  await execa("sh", ["-s"], { input: fetchScript(join(folder, host)), encoding: "buffer", reject: false });

const put = async (host: string, archive: Uint8Array) =>
  await execa("sh", ["-c", putScript({ isRunning: false, folder: join(folder, host) })], {
    input: archive,
    reject: false,
  });

describe("a dispatcher's journal", () => {
  it("is put on a bare host unchanged, without the lock", async () => {
    await journalOf("old", { "000000000001.journal": "one", "000000000002+5.journal": "two", lock: "17\n" });
    const { stdout } = await fetched("old");
    expect((await put("new", stdout)).exitCode).toBe(0);
    const names = await readdir(join(folder, "new/journal"));
    expect(names.toSorted()).toEqual(["000000000001.journal", "000000000002+5.journal"]);
    expect(await readFile(join(folder, "new/journal/000000000001.journal"), "utf8")).toBe("one");
    expect(await readdir(join(folder, "new"))).toEqual(["journal"]);
  });

  it("replaces an empty journal, and the leftovers of an interrupted run", async () => {
    await journalOf("old", { "000000000001.journal": "one" });
    await journalOf("new", { lock: "17\n" });
    await mkdir(join(folder, "new/journal.arriving"));
    await writeFile(join(folder, "new/journal.arriving/half"), "");
    expect((await put("new", (await fetched("old")).stdout)).exitCode).toBe(0);
    expect(await readdir(join(folder, "new/journal"))).toEqual(["000000000001.journal"]);
  });

  it("is put in place as the owner of the state folder, who could have swapped a name there", async () => {
    await journalOf("old", { "000000000001.journal": "one" });
    await mkdir(join(folder, "new"));
    await symlink(folder, join(folder, "new/journal.arriving"));
    await Promise.all([chmod(folder, 0o755), chown(join(folder, "new"), nobody, nobody)]);
    expect((await put("new", (await fetched("old")).stdout)).exitCode).toBe(0);
    expect(await readdir(join(folder, "new"))).toEqual(["journal"]);
    for (const name of ["new/journal", "new/journal/000000000001.journal"]) {
      expect((await stat(join(folder, name))).uid).toBe(nobody);
    }
    expect((await readdir(folder)).toSorted()).toEqual(["new", "old"]);
  });

  it("never replaces another journal", async () => {
    await journalOf("old", { "000000000001.journal": "one" });
    await journalOf("new", { "000000000001.journal": "newer" });
    const result = await put("new", (await fetched("old")).stdout);
    expect(result.exitCode).not.toBe(0);
    expect(await readFile(join(folder, "new/journal/000000000001.journal"), "utf8")).toBe("newer");
  });

  it("is read as the owner of the state folder, and not through a link", async () => {
    const hidden = join(folder, "hidden");
    await mkdir(hidden, { mode: 0o700 });
    await writeFile(join(hidden, "000000000001.journal"), "of root alone");
    await journalOf("old", { "000000000001.journal": "one" });
    await symlink(join(hidden, "000000000001.journal"), join(folder, "old/journal/000000000002.journal"));
    await execa("mkfifo", [join(folder, "old/journal/000000000003.journal")]);
    await chmod(folder, 0o755);
    await chown(join(folder, "old"), nobody, nobody);
    const { stdout } = await fetched("old");
    expect(Buffer.from(stdout).toString("latin1")).not.toContain("of root alone");
    expect((await execa("tar", ["--list", "--verbose"], { input: stdout })).stdout.match(/^\S/gm)?.toSorted()).toEqual([
      ...["-", "d", "l", "p"],
    ]);
    await rm(join(folder, "old/journal"), { recursive: true });
    await symlink(hidden, join(folder, "old/journal"));
    expect((await fetched("old")).exitCode).toBe(66);
  });

  it("is reported if there is none", async () => {
    expect((await fetched("none")).exitCode).toBe(66);
  });

  it("is not put in place if it is truncated on its way", async () => {
    await journalOf("old", { "000000000001.journal": "one".repeat(10_000) });
    const { stdout } = await fetched("old");
    expect((await put("new", stdout.subarray(0, 5000))).exitCode).not.toBe(0);
    expect(await readdir(join(folder, "new"))).toEqual(["journal.arriving"]);
  });
});

describe("the state of a host", () => {
  it("is read, and an incomplete answer is ignored", () => {
    const bare = "== traces\n== dispatcher\ninactive\n== journal\n\n== end\n";
    expect(parseHostState(answered(bare))).toEqual({ isBare: true, dispatcher: "inactive", journalFiles: 0 });
    const made = "== traces\n/etc/warren\n== dispatcher\nactive\n== journal\n/a.journal\n/b.journal\n\n== end\n";
    expect(parseHostState(answered(made))).toEqual({ isBare: false, dispatcher: "active", journalFiles: 2 });
    expect(parseHostState(answered("== traces\n/etc/warren\n"))).toBeUndefined();
  });
});
