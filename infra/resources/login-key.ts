import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";

const subject = "warren:ssh.privateKeyFile";

/**
 * The private key that hosts are logged in with, such that ssh and the engine both can take it.
 *
 * @param file path as the config has it, from the checkout
 * @throws UserError where it is missing, is no private key, needs a passphrase, or may be read by others
 */
export function requireLoginKey(file: string, checkout: string): void {
  const text = readLoginFile(file, checkout, subject, `make it: ssh-keygen -t ed25519 -N '' -f ${file}`);
  const refuse = (what: string, remedy: string) => new UserError(subject, `${file} ${what}`, remedy);
  if (!/^-----BEGIN (?:[A-Z0-9]+ )?(?:ENCRYPTED )?PRIVATE KEY-----/.test(text)) {
    const isPublic = /^(?:ssh|ecdsa|sk)-\S+ /.test(text);
    const remedy = isPublic
      ? `name the private half: ${file.replace(/\.pub$/, "")}`
      : "name the file that ssh-keygen has made";
    throw refuse(isPublic ? "is a public key" : "is no private key", remedy);
  }
  if (isEncrypted(text)) {
    throw refuse(
      "is encrypted with a passphrase, which nobody is asked for",
      `give warren a key of its own without one: ssh-keygen -t ed25519 -N '' -f FILE`,
    );
  }
  const mode = statSync(resolve(checkout, file)).mode & 0o777;
  if (mode & 0o077) {
    throw refuse(
      `may be read by others (mode ${mode.toString(8).padStart(4, "0")}), so ssh won't use it`,
      `chmod 600 ${file}`,
    );
  }
}

/** OpenSSH's own format (PROTOCOL.key) names the cipher in clear after its magic; PEM says it in words. */
function isEncrypted(text: string): boolean {
  if (/ENCRYPTED/.test(text)) return true;
  if (!text.startsWith("-----BEGIN OPENSSH PRIVATE KEY-----")) return false;
  const blob = Buffer.from(text.replace(/-----[^-]+-----/g, ""), "base64");
  const cipher = "openssh-key-v1\0".length;
  return blob.subarray(cipher + 4, cipher + 4 + blob.readUInt32BE(cipher)).toString("latin1") !== "none";
}

/** @param remedy what to do where there is no such file @throws UserError with the reason in words */
export function readLoginFile(file: string, checkout: string, setting: string, remedy: string): string {
  try {
    return readFileSync(resolve(checkout, file), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "is not there" : `can't be read (${code})`;
    const lab = file.startsWith(".warren/labs/") ? "./warren lab up" : undefined;
    throw new UserError(setting, `${file} ${why}`, lab ?? `${remedy}; or give the right path, from the checkout`, {
      cause: error,
    });
  }
}
