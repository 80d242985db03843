import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UserError } from "../../../agents/lib/errors.ts";
import { type BackupContent, type OpenBackup, openBackup, writeBackup } from "./file.ts";
import { makePart } from "./manifest.ts";

const passphrase = "the passphrase of the tests";
const content: BackupContent = {
  stack: "op",
  createdAt: "2026-01-02T03:04:05.678Z",
  secrets: { "secrets.passwords.root": "root-password-1", "secrets.erlangCookie": "ABCDEFGHIJKLMNOPQRSTU" },
  parts: [
    makePart("definitions", "bunny", Buffer.from('{"users":[{"name":"partner","password_hash":"hash-of-partner"}]}')),
    makePart("journal", "bunny1", Buffer.alloc(300_000, "journal ")),
    makePart("state", "op", Buffer.from('{"version":3}')),
  ],
  facts: {
    by: "root@vm",
    versions: { warren: "0.1.0", engine: "3.259.0", brokers: { bunny: "3.10.8" } },
    config: "0".repeat(64),
    missing: [{ kind: "journal", of: "bunny2", why: "no route to host" }],
  },
};

let folder: string;
let file: string;
let bytes: Buffer;
let opened: OpenBackup;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-backup-"));
  file = join(folder, "below/op.backup");
  await writeBackup(file, content, `${passphrase}\n`);
  bytes = await readFile(file);
  opened = await openBackup(file, async () => passphrase);
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

async function changed(change: (copy: Buffer) => Buffer): Promise<OpenBackup> {
  const other = join(folder, "changed.backup");
  await writeFile(other, change(Buffer.from(bytes)));
  return openBackup(other, async () => passphrase);
}

const refusal = (work: Promise<unknown>): Promise<UserError> =>
  work.then(
    () => Promise.reject(new Error("it was taken")),
    (error: UserError) => error,
  );

/** Where the records begin: behind the header. */
const recordsAt = () => 12 + bytes.readUInt32BE(8);

describe("a backup's file", () => {
  it("gives back every part, and says what it lacks", async () => {
    expect((await opened.read("journal", "bunny1"))?.equals(content.parts[1]?.content as Buffer)).toBe(true);
    expect((await opened.read("state", "op"))?.toString()).toBe('{"version":3}');
    expect(await opened.read("journal", "bunny2")).toBeUndefined();
    expect(opened.manifest).toMatchObject({ stack: "op", missing: [{ of: "bunny2", why: "no route to host" }] });
    expect((await opened.verify()).filter(({ fault }) => fault)).toEqual([]);
    expect(opened.bytes).toBeLessThan(10_000);
  });

  it("is its owner's alone, and nothing else stays beside it", async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, "below"))).toEqual(["op.backup"]);
  });

  it("tells nothing in the clear but its stack, its time and how its key is made", () => {
    const text = bytes.toString("latin1");
    for (const word of ["root-password", "partner", "bunny", "ABCDEFGH", "passphrase"])
      expect(text).not.toContain(word);
    const header = JSON.parse(bytes.toString("utf8", 12, recordsAt())) as object;
    expect(Object.keys(header).toSorted()).toEqual(["check", "createdAt", "scrypt", "stack", "version"]);
  });

  it("has fingerprints of secrets that tell which of them have changed, and never the secrets", () => {
    const same = opened.fingerprints(content.secrets);
    expect(opened.manifest.fingerprints).toEqual(same);
    const other = opened.fingerprints({ ...content.secrets, "secrets.passwords.root": "another" });
    expect(Object.keys(same).filter((path) => same[path] !== other[path])).toEqual(["secrets.passwords.root"]);
    expect(JSON.stringify(opened.manifest)).not.toContain("root-password");
  });
});

describe("a file that is not as it was written", () => {
  it("is refused with another passphrase, which is told from damage", async () => {
    const error = await refusal(openBackup(file, async () => "another one"));
    expect(error.message).toBe("was encrypted with another passphrase");
    expect(error.remedy).toContain("--passphrase-file");
  });

  it("names the part that is damaged by one bit, and gives the others", async () => {
    const last = await changed((copy) => {
      copy[copy.length - 20] = (copy[copy.length - 20] as number) ^ 1;
      return copy;
    });
    expect((await last.verify()).filter(({ fault }) => fault)).toEqual([{ name: "state of op", fault: "is damaged" }]);
    expect((await refusal(last.read("state", "op"))).message).toBe("is damaged");
    expect(await last.read("definitions", "bunny")).toBeInstanceOf(Buffer);
  });

  it("that is cut off says which part is missing", async () => {
    const cut = await changed((copy) => copy.subarray(0, -1));
    expect((await cut.verify()).filter(({ fault }) => fault).map(({ name }) => name)).toEqual([
      "state of op",
      "the file's end",
    ]);
  });

  it("whose parts have changed places is damaged", async () => {
    const swapped = await changed((copy) => {
      const records: Buffer[] = [];
      for (let at = recordsAt(); at < copy.length; at += 4 + copy.readUInt32BE(at)) {
        records.push(copy.subarray(at, at + 4 + copy.readUInt32BE(at)));
      }
      const [manifest, first, second, third] = records as [Buffer, Buffer, Buffer, Buffer];
      return Buffer.concat([copy.subarray(0, recordsAt()), manifest, second, first, third]);
    });
    expect((await swapped.verify()).filter(({ fault }) => fault).map(({ name }) => name)).toEqual([
      "definitions of bunny",
      "journal of bunny1",
    ]);
  });

  it("is refused where its header says something else, is of a later version, or asks for more memory than there is", async () => {
    const inHeader = (from: string, to: string) => (copy: Buffer) => {
      const text = copy.toString("latin1");
      expect(text).toContain(from);
      return Buffer.from(text.replace(from, to), "latin1");
    };
    expect((await refusal(changed(inHeader('"stack":"op"', '"stack":"xx"')))).message).toContain("manifest is damaged");
    expect((await refusal(changed(inHeader('"version":1', '"version":2')))).message).toContain("backup of version 2");
    expect((await refusal(changed(inHeader('"N":131072', '"N":131071')))).message).toContain("damaged");
    expect((await refusal(changed(inHeader('"r":8', '"r":9')))).message).toContain("damaged");
    expect((await refusal(changed(() => Buffer.from("warren")))).message).toBe("is no backup that warren has written");
    expect((await refusal(openBackup(join(folder, "none"), async () => ""))).message).toBe("is not there");
  });
});

describe("a disk that is full", () => {
  it("is said, and leaves the backup of before as it was", async () => {
    const disk = await mkdtemp(join(folder, "disk-"));
    const module = JSON.stringify(join(import.meta.dirname, "../../lib/files.ts"));
    const script = `
      import { readFile, readdir } from "node:fs/promises";
      import { writeWhole } from ${module};
      const file = ${JSON.stringify(join(disk, "op.backup"))};
      await writeWhole(file, Buffer.from("before"));
      const error = await writeWhole(file, Buffer.alloc(200_000)).catch((reason) => reason);
      console.log(JSON.stringify([error.format(), await readFile(file, "utf8"), await readdir(${JSON.stringify(disk)})]));`;
    const mounted = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"';
    const node = [process.execPath, "--input-type=module-typescript", "-e", script];
    const { stdout, stderr } = spawnSync(
      "unshare",
      ["--user", "--map-root-user", "--mount", "sh", "-c", mounted, disk, ...node],
      { encoding: "utf8", timeout: 60_000 },
    );
    expect(stderr).toBe("");
    const [error, before, names] = JSON.parse(stdout) as [string, string, string[]];
    expect(error).toContain(`${join(disk, "op.backup")}: finds no room left on its disk (ENOSPC)`);
    expect([before, names]).toEqual(["before", ["op.backup"]]);
  }, 90_000);
});
