import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Encrypter } from "age-encryption";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { UserError } from "../../../agents/lib/errors.ts";
import { type BackupContent, type OpenBackup, openBackup, writeBackup } from "./file.ts";
import { makePart } from "./manifest.ts";

const passphrase = "the passphrase of the tests";
const journal = randomBytes(300_000);
const content: BackupContent = {
  stack: "op",
  createdAt: "2026-01-02T03:04:05.678Z",
  secrets: { "secrets.passwords.root": "root-password-1", "secrets.erlangCookie": "ABCDEFGHIJKLMNOPQRSTU" },
  parts: [
    // More than one chunk of age.
    makePart("definitions", "bunny2", randomBytes(150_000)),
    makePart("definitions", "bunny", Buffer.from('{"users":[{"name":"partner","password_hash":"hash-of-partner"}]}')),
    makePart("journal", "bunny1", journal),
    makePart("state", "op", Buffer.from('{"version":3}')),
  ],
  facts: {
    by: "root@vm",
    versions: { warren: "0.1.0", engine: "3.259.0", brokers: { bunny: "3.10.8" } },
    config: "0".repeat(64),
    missing: [{ kind: "journal", of: "bunny2", why: "no route to host" }],
  },
};

/** Of age's scrypt: thousandths of a second. The real one takes half a second of a processor each time a file is opened. */
const cheapWorkFactor = 10;

let folder: string;
let file: string;
let bytes: Buffer;
let opened: OpenBackup;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-backup-"));
  file = join(folder, "below/op.backup");
  const setReal = Encrypter.prototype.setScryptWorkFactor;
  const set = vi.spyOn(Encrypter.prototype, "setScryptWorkFactor").mockImplementation(function (this: Encrypter) {
    setReal.call(this, cheapWorkFactor);
  });
  await writeBackup(file, content, `${passphrase}\n`);
  set.mockRestore();
  bytes = await readFile(file);
  opened = await openBackup(file, async () => passphrase);
}, 60_000);
afterAll(() => rm(folder, { recursive: true }));

async function changed(change: (copy: Buffer) => Buffer): Promise<OpenBackup> {
  const other = join(folder, "changed.backup");
  await writeFile(other, change(Buffer.from(bytes)));
  return openBackup(other, async () => passphrase);
}

/** A copy with one bit changed. */
function flipped(copy: Buffer, at: number): Buffer {
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

const refusal = (work: Promise<unknown>): Promise<UserError> =>
  work.then(
    () => Promise.reject(new Error("it was taken")),
    (error: UserError) => error,
  );

describe("a backup's file", { timeout: 60_000 }, () => {
  it("returns every part, and lists missing ones", async () => {
    expect((await opened.read("journal", "bunny1"))?.equals(journal)).toBe(true);
    expect((await opened.read("state", "op"))?.toString()).toBe('{"version":3}');
    expect(await opened.read("journal", "bunny2")).toBeUndefined();
    expect(opened.manifest).toMatchObject({ stack: "op", missing: [{ of: "bunny2", why: "no route to host" }] });
    expect((await opened.verify()).filter(({ fault }) => fault)).toEqual([]);
    expect(opened.bytes).toBe(bytes.length);
  });

  it("is readable only by its owner, and leaves no other file beside it", async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, "below"))).toEqual(["op.backup"]);
  });

  it("has nothing in the clear except how its key is derived, and can be opened", async () => {
    const real = join(folder, "real.backup");
    await writeBackup(real, content, passphrase);
    expect((await openBackup(real, async () => passphrase)).manifest).toMatchObject({ stack: "op" });
    const text = (await readFile(real)).toString("latin1");
    for (const word of ["root-password", "partner", "bunny", "ABCDEFGH", "passphrase", "journal"])
      expect(text).not.toContain(word);
    expect(text).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 17\n\S+\n--- \S+\n/);
  });

  it("is opened by the passphrase of any stack of the checkout", async () => {
    const asked: string[] = [];
    const reopened = await openBackup(file, async (stack) => {
      asked.push(stack);
      if (stack === "op") return passphrase;
      if (stack === "dev") return "another one";
      throw new Error("has none");
    });
    expect(reopened.manifest).toEqual(opened.manifest);
    expect(asked[0]).toBe("op");
    const none = openBackup(file, async (stack) => Promise.reject(new Error(`${stack} has none`)));
    await expect(none).rejects.toThrow("op has none");
  });

  it("has fingerprints that show which secrets have changed, and never the secrets", () => {
    const same = opened.fingerprints(content.secrets);
    expect(opened.manifest.fingerprints).toEqual(same);
    const other = opened.fingerprints({ ...content.secrets, "secrets.passwords.root": "another" });
    expect(Object.keys(same).filter((path) => same[path] !== other[path])).toEqual(["secrets.passwords.root"]);
    expect(JSON.stringify(opened.manifest)).not.toContain("root-password");
  });
});

describe("a changed file", { timeout: 60_000 }, () => {
  it("is refused with another passphrase, which is distinguished from damage", async () => {
    const error = await refusal(openBackup(file, async () => "another one"));
    expect(error.message).toBe("was encrypted with another passphrase");
    expect(error.remedy).toContain("--passphrase-file");
  });

  it("with one damaged bit returns the parts before it", async () => {
    const damaged = await changed((copy) => flipped(copy, copy.length - 200_000));
    const behind = "is damaged, or comes after damage in the file";
    expect((await damaged.verify()).filter(({ fault }) => fault)).toEqual([
      { name: "journal of bunny1", fault: behind },
      { name: "the file's end", fault: "can't be read: the file is damaged or truncated" },
    ]);
    expect((await refusal(damaged.read("journal", "bunny1"))).message).toBe(behind);
    expect(await damaged.read("definitions", "bunny")).toBeInstanceOf(Buffer);
    expect(await damaged.read("state", "op")).toBeInstanceOf(Buffer);
  });

  it("that is truncated, or has more at its end, is reported", async () => {
    for (const change of [
      (copy: Buffer) => copy.subarray(0, -1),
      (copy: Buffer) => Buffer.concat([copy, Buffer.from("more")]),
    ]) {
      const names = (await (await changed(change)).verify()).filter(({ fault }) => fault).map(({ name }) => name);
      expect(names).toEqual(["journal of bunny1", "the file's end"]);
    }
  });

  it("is refused if its beginning is damaged, or it is not a backup", async () => {
    const headerBytes = bytes.indexOf("\n--- ") + 49;
    const refused = async (change: (copy: Buffer) => Buffer) => (await refusal(changed(change))).message;
    expect(await refused((copy) => flipped(copy, headerBytes + 100))).toContain("damaged manifest");
    expect(await refused((copy) => flipped(copy, headerBytes - 10))).toContain("damaged header");
    expect(
      await refused((copy) => Buffer.from(copy.toString("latin1").replace(` ${cheapWorkFactor}\n`, " 30\n"), "latin1")),
    ).toContain("damaged header");
    expect(await refused((copy) => copy.subarray(0, 60))).toContain("damaged header");
    expect(await refused(() => Buffer.from("warren"))).toBe("is not a backup written by warren");
    expect((await refusal(openBackup(join(folder, "none"), async () => ""))).message).toBe("does not exist");
  });
});

describe("a backup in the previous format", { timeout: 60_000 }, () => {
  const golden = join(import.meta.dirname, "former.backup");
  const parts = ["definitions of bunny", "journal of bunny1", "state of op"];
  let former: Buffer;
  beforeAll(async () => {
    former = await readFile(golden);
  });
  const changedFormer = async (change: (copy: Buffer) => Buffer): Promise<OpenBackup> => {
    const other = join(folder, "former.backup");
    await writeFile(other, change(Buffer.from(former)));
    return openBackup(other, async () => passphrase);
  };

  it("is read completely", async () => {
    const asked: string[] = [];
    const found = await openBackup(golden, async (stack) => {
      asked.push(stack);
      return passphrase;
    });
    expect(asked).toEqual(["op"]);
    expect(await found.verify()).toEqual(parts.map((name) => ({ name, fault: undefined })));
    expect((await found.read("journal", "bunny1"))?.equals(Buffer.alloc(300_000, "journal "))).toBe(true);
    expect((await found.read("state", "op"))?.toString()).toBe('{"version":3}');
    expect(found.manifest).toMatchObject({ stack: "op", createdAt: content.createdAt, ...content.facts });
    expect(found.fingerprints(content.secrets)).toEqual(found.manifest.fingerprints);
  });

  it("is refused with another passphrase", async () => {
    const error = await refusal(openBackup(golden, async () => "another one"));
    expect(error.message).toBe("was encrypted with another passphrase");
  });

  it("names the part that is damaged or truncated, and returns the others", async () => {
    const damaged = await changedFormer((copy) => flipped(copy, copy.length - 20));
    expect((await damaged.verify()).filter(({ fault }) => fault).map(({ name }) => name)).toEqual(["state of op"]);
    expect(await damaged.read("journal", "bunny1")).toBeInstanceOf(Buffer);
    const cut = await changedFormer((copy) => copy.subarray(0, -1));
    const names = (await cut.verify()).filter(({ fault }) => fault).map(({ name }) => name);
    expect(names).toEqual(["state of op", "the file's end"]);
  });

  it("with exchanged parts is damaged", async () => {
    const recordsAt = 12 + former.readUInt32BE(8);
    const swapped = await changedFormer((copy) => {
      const records: Buffer[] = [];
      for (let at = recordsAt; at < copy.length; at += 4 + copy.readUInt32BE(at)) {
        records.push(copy.subarray(at, at + 4 + copy.readUInt32BE(at)));
      }
      const [manifest, first, second, third] = records as [Buffer, Buffer, Buffer, Buffer];
      return Buffer.concat([copy.subarray(0, recordsAt), manifest, second, first, third]);
    });
    expect((await swapped.verify()).filter(({ fault }) => fault).map(({ name }) => name)).toEqual(parts.slice(0, 2));
  });

  it("is refused if its header was changed, or asks for more memory than there is", async () => {
    const inHeader = (from: string, to: string) => (copy: Buffer) => {
      const text = copy.toString("latin1");
      expect(text).toContain(from);
      return Buffer.from(text.replace(from, to), "latin1");
    };
    const refused = async (change: (copy: Buffer) => Buffer) => (await refusal(changedFormer(change))).message;
    expect(await refused(inHeader('"stack":"op"', '"stack":"xx"'))).toContain("damaged manifest");
    expect(await refused(inHeader('"version":1', '"version":2'))).toContain("damaged header");
    expect(await refused(inHeader('"N":131072', '"N":131071'))).toContain("damaged header");
    expect(await refused(inHeader('"r":8', '"r":9'))).toContain("damaged header");
    expect(await refused((copy) => copy.subarray(0, 10))).toContain("damaged header");
  });
});

describe("a full disk", () => {
  it("is reported, and leaves the earlier backup unchanged", async () => {
    const disk = await mkdtemp(join(folder, "disk-"));
    const module = JSON.stringify(join(import.meta.dirname, "../../lib/files.ts"));
    const script = `
      import { readFile, readdir } from "node:fs/promises";
      import { writeFileAtomic } from ${module};
      const file = ${JSON.stringify(join(disk, "op.backup"))};
      await writeFileAtomic(file, Buffer.from("before"));
      const error = await writeFileAtomic(file, Buffer.alloc(200_000)).catch((reason) => reason);
      console.log(JSON.stringify([error.format(), await readFile(file, "utf8"), await readdir(${JSON.stringify(disk)})]));`;
    const mounted = 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"';
    const node = [process.execPath, "--input-type=module", "-e", script];
    const { stdout, stderr } = spawnSync(
      "unshare",
      ["--user", "--map-root-user", "--mount", "sh", "-c", mounted, disk, ...node],
      { encoding: "utf8", timeout: 60_000 },
    );
    expect(stderr).toBe("");
    const [error, before, names] = JSON.parse(stdout) as [string, string, string[]];
    expect(error).toContain(`${join(disk, "op.backup")}: has no space left on its disk (ENOSPC)`);
    expect([before, names]).toEqual(["before", ["op.backup"]]);
  }, 90_000);
});
