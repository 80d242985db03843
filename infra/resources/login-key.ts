import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { UserError } from "../../agents/lib/errors.ts";

const subject = "warren:ssh.privateKeyFile";

/**
 * Requires a private key for logins that both ssh and the engine can use.
 *
 * @param file path from the config, relative to the checkout
 * @throws UserError if it is missing, not a private key, encrypted, or readable by others
 */
export function requireLoginKey(file: string, checkout: string): void {
  const text = readLoginFile(file, checkout, subject, `create it: ssh-keygen -t ed25519 -N '' -f ${file}`);
  const refuse = (what: string, remedy: string) => new UserError(subject, `${file} ${what}`, remedy);
  if (!/^-----BEGIN (?:[A-Z0-9]+ )?(?:ENCRYPTED )?PRIVATE KEY-----/.test(text)) {
    const isPublic = /^(?:ssh|ecdsa|sk)-\S+ /.test(text);
    const remedy = isPublic
      ? `name the private half: ${file.replace(/\.pub$/, "")}`
      : "name a file that ssh-keygen created";
    throw refuse(isPublic ? "is a public key" : "is not a private key", remedy);
  }
  if (isEncrypted(text)) {
    throw refuse(
      "is encrypted with a passphrase, which warren can't enter",
      `create a key without a passphrase for warren: ssh-keygen -t ed25519 -N '' -f FILE`,
    );
  }
  const mode = statSync(resolve(checkout, file)).mode & 0o777;
  if (mode & 0o077) {
    throw refuse(
      `is readable by others (mode ${mode.toString(8).padStart(4, "0")}), so ssh refuses it`,
      `chmod 600 ${file}`,
    );
  }
}

/** OpenSSH's own format (PROTOCOL.key) has the cipher's name after its magic; PEM has the word ENCRYPTED. */
function isEncrypted(text: string): boolean {
  if (/ENCRYPTED/.test(text)) return true;
  if (!text.startsWith("-----BEGIN OPENSSH PRIVATE KEY-----")) return false;
  const blob = Buffer.from(text.replace(/-----[^-]+-----/g, ""), "base64");
  const cipher = "openssh-key-v1\0".length;
  return blob.subarray(cipher + 4, cipher + 4 + blob.readUInt32BE(cipher)).toString("latin1") !== "none";
}

/** @param remedy what to do if there is no such file @throws UserError with the reason */
export function readLoginFile(file: string, checkout: string, setting: string, remedy: string): string {
  try {
    return readFileSync(resolve(checkout, file), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "does not exist" : `can't be read (${code})`;
    const lab = file.startsWith(".warren/labs/") ? "./warren lab up" : undefined;
    throw new UserError(
      setting,
      `${file} ${why}`,
      lab ?? `${remedy}; or correct the path, which is relative to the checkout`,
      {
        cause: error,
      },
    );
  }
}
