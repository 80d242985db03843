import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const sha256 = (text: Buffer | string) => createHash("sha256").update(text).digest("hex");

const gpg = (home: string, ...words: string[]) =>
  execFileSync("gpg", ["--homedir", home, "--batch", "--quiet", "--passphrase", "", ...words], { encoding: "utf8" });

/** A key pair in a new folder. @returns the public half */
export function newKey(home: string): string {
  mkdirSync(home, { mode: 0o700 });
  gpg(home, "--quick-generate-key", basename(home), "ed25519", "sign", "never");
  return gpg(home, "--export", "--armor", basename(home));
}

/** Ends what `newKey` started, before its folder is removed. */
export const endAgent = (home: string): void => {
  execFileSync("gpgconf", ["--homedir", home, "--kill", "gpg-agent"]);
};

/** Puts one package into each suite of an archive, and signs the suites. @param owner folder of the key */
export function fillArchive({
  archive,
  owner,
  deb,
  suites,
}: Record<"archive" | "owner" | "deb", string> & { suites: readonly string[] }): void {
  const filename = `pool/${basename(deb)}`;
  mkdirSync(join(archive, "pool"), { recursive: true });
  copyFileSync(deb, join(archive, filename));
  const control = execFileSync("dpkg-deb", ["--field", deb], { encoding: "utf8" });
  const [architecture = ""] = /(?<=^Architecture: ).*/m.exec(control) ?? [];
  const content = readFileSync(deb);
  const packages = `${control}Filename: ${filename}\nSize: ${content.length}\nSHA256: ${sha256(content)}\n`;
  const list = `main/binary-${architecture}/Packages`;
  const digest = ` ${sha256(packages)} ${Buffer.byteLength(packages)} ${list}\n`;
  for (const suite of suites) {
    const folder = join(archive, "dists", suite);
    mkdirSync(dirname(join(folder, list)), { recursive: true });
    writeFileSync(join(folder, list), packages);
    writeFileSync(
      join(folder, "Release"),
      `Codename: ${suite}\nSuite: ${suite}\nDate: ${new Date().toUTCString()}\nArchitectures: ${architecture}\nComponents: main\nSHA256:\n${digest}`,
    );
    gpg(owner, "--clearsign", "--output", join(folder, "InRelease"), join(folder, "Release"));
  }
}
