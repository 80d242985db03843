import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import type { Certificate, CertificateNeed } from "../model/tls.ts";

/*
 * Uses openssl, 3.0 or newer as on Debian 12 and Ubuntu 22.04, which supports every type of key that a given CA may have. @peculiar/x509 would keep
 * keys out of files, but adds nearly twenty packages and needs code for each type of key.
 */

/** Days for which a CA is valid: ten years, because it is replaced by hand (`tls.generation`). */
const authorityDays = 3650;
const dayMs = 86_400_000;
/** Milliseconds for one call of openssl; each takes about ten. */
const timeoutMs = 10_000;

/** Creates the stack's own CA. @throws UserError if openssl is missing or fails */
export async function makeAuthority(stack: string, generation: number): Promise<Certificate> {
  // At most 64 characters (RFC 5280); the generation distinguishes a stack's CAs.
  const name = `${`warren ${stack}`.slice(0, 50)} CA ${generation}`;
  const extensions = [
    "basicConstraints = critical, CA:TRUE, pathlen:0",
    "keyUsage = critical, keyCertSign, cRLSign",
    "subjectKeyIdentifier = hash",
  ];
  return certify(name, extensions, authorityDays);
}

/**
 * Issues the certificate of a host's servers, with a new key. It expires no later than its CA.
 *
 * @param days of validity from now
 * @throws UserError if openssl is missing or fails, or the CA has expired
 */
export async function issueCertificate(
  { host, names, client }: CertificateNeed,
  authority: Certificate,
  days: number,
): Promise<Certificate> {
  const left = Math.floor((new X509Certificate(authority.certificate).validToDate.getTime() - Date.now()) / dayMs);
  if (left < 1)
    throw new UserError("warren:tls", "the CA has expired", "raise tls.generation, or configure a newer CA");
  const extensions = [
    "basicConstraints = critical, CA:FALSE",
    "keyUsage = critical, digitalSignature",
    `extendedKeyUsage = serverAuth${client ? ", clientAuth" : ""}`,
    `subjectAltName = ${subjectAltName(names)}`,
    "subjectKeyIdentifier = hash",
    "authorityKeyIdentifier = keyid",
  ];
  return certify(host, extensions, Math.min(days, left), authority);
}

/** @param issuer signs the certificate; default: self-signed. openssl assigns a random serial number of 159 bits. */
async function certify(
  name: string,
  extensions: readonly string[],
  days: number,
  issuer?: Certificate,
): Promise<Certificate> {
  const key = newKey();
  const config = [
    "[req]",
    "prompt = no",
    "distinguished_name = name",
    "x509_extensions = extensions",
    "[name]",
    `CN = ${name}`,
    "[extensions]",
    ...extensions,
  ];
  return inPrivateFolder(async (put, made) => {
    const files = ["-config", await put("config", config.join("\n")), "-key", await put("key", key)];
    const signer = issuer
      ? ["-CA", await put("ca", issuer.certificate), "-CAkey", await put("ca-key", issuer.key)]
      : [];
    await openssl("req", "-x509", "-new", ...files, ...signer, "-days", String(days), "-out", made);
    return { certificate: await readFile(made, "utf8"), key };
  });
}

/** Names as openssl's configuration writes them, e.g. `DNS:bunny1, IP:10.0.0.1`. */
const subjectAltName = (names: readonly string[]): string =>
  names.map((name) => `${/^[\d.]+$/.test(name) ? "IP" : "DNS"}:${name}`).join(", ");

/** P-256 and PKCS 8, which every TLS library of the last ten years supports. */
function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * openssl gets keys as private files that exist only during the work.
 *
 * @param work gets a function that writes a file into the folder and returns its path, and the path of openssl's output
 */
async function inPrivateFolder<T>(
  work: (put: (name: string, text: string) => Promise<string>, made: string) => Promise<T>,
): Promise<T> {
  const path = await mkdtemp(join(tmpdir(), "warren-tls-"));
  const put = async (name: string, text: string): Promise<string> => {
    await writeFile(join(path, name), `${text}\n`, { mode: 0o600 });
    return join(path, name);
  };
  try {
    return await work(put, join(path, "made"));
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

async function openssl(...args: readonly string[]): Promise<void> {
  const result = await execa("openssl", [...args], { reject: false, stdin: "ignore", timeout: timeoutMs });
  if (!result.failed) return;
  const reason = result.code === "ENOENT" ? "it is not installed" : result.stderr.trim() || result.shortMessage;
  throw new UserError(
    "openssl",
    reason ?? "it failed",
    "certificates need openssl 3.0 or newer: apt-get install openssl",
  );
}
