import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openBackup, writeBackup } from "./file.ts";
import { makePart } from "./manifest.ts";

// Against Debian's own age and tar.

const passphrase = "the passphrase of the tests";
const parts = [makePart("state", "op", Buffer.from('{"version":3}'))];
const facts = { by: "root@vm", versions: { warren: "0", engine: "0", brokers: {} }, config: "", missing: [] };
const content = { stack: "op", createdAt: "2026-01-02T03:04:05.678Z", secrets: {}, parts, facts };

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "warren-age-"));
  file = join(folder, "op.backup");
  await writeBackup(file, content, passphrase);
});
afterAll(() => rm(folder, { recursive: true }));

/** age asks for the passphrase at a terminal: `script` is one. */
function age(input: string, ...words: string[]): void {
  execFileSync("script", ["--quiet", "--return", "--command", `age ${words.join(" ")}`, "/dev/null"], {
    input,
    cwd: folder,
    timeout: 60_000,
    stdio: "pipe",
  });
}

it("age and tar open a written backup, and a backup encrypted by age can be read", async () => {
  age(`${passphrase}\n`, "--decrypt", "--output", "op.tar.gz", "op.backup");
  const tar = (...words: string[]) => execFileSync("tar", words, { cwd: folder, encoding: "utf8" });
  expect(tar("--list", "--file", "op.tar.gz")).toBe("manifest.json\nfingerprints.key\nstate/op.json\n");
  expect(tar("--extract", "--to-stdout", "--file", "op.tar.gz", "state/op.json")).toBe('{"version":3}');

  age(`${passphrase}\n${passphrase}\n`, "--passphrase", "--output", "by-age.backup", "op.tar.gz");
  const opened = await openBackup(join(folder, "by-age.backup"), async () => passphrase);
  expect(await opened.verify()).toEqual([{ name: "state of op", fault: undefined }]);
});
