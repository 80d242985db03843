import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import type { Certificate, CertificateNeed } from "../model/tls.ts";

/*
 * By openssl, 3.0 or newer as on Debian 12 and Ubuntu 22.04: it takes whatever key a given CA has. @peculiar/x509 would keep keys out of files; it brings
 * nearly twenty packages, and needs to be told of each kind of key.
 */

/** Days that a CA is good for: ten years, as its own successor is made by hand (`tls.generation`). */
const authorityDays = 3650;
const dayMs = 86_400_000;
/** Milliseconds for one call of openssl; each takes about ten. */
const timeoutMs = 10_000;

/** Makes a CA of the stack's own. @throws UserError where openssl is missing or fails */
export async function makeAuthority(stack: string, generation: number): Promise<Certificate> {
  // At most 64 characters (RFC 5280); the generation tells two CAs of a stack apart.
  const name = `${`warren ${stack}`.slice(0, 50)} CA ${generation}`;
  const extensions = [
    "basicConstraints = critical, CA:TRUE, pathlen:0",
    "keyUsage = critical, keyCertSign, cRLSign",
    "subjectKeyIdentifier = hash",
  ];
  return certify(name, extensions, authorityDays);
}

/**
 * Issues the certificate of a host's servers, with a key of its own. It doesn't outlive its CA.
 *
 * @param days that it is good for, from now
 * @throws UserError where openssl is missing or fails, or the CA is over
 */
export async function issueCertificate(
  { host, names }: CertificateNeed,
  authority: Certificate,
  days: number,
): Promise<Certificate> {
  const left = Math.floor((new X509Certificate(authority.certificate).validToDate.getTime() - Date.now()) / dayMs);
  if (left < 1) throw new UserError("warren:tls", "the CA is over", "raise tls.generation, or give a newer CA");
  const extensions = [
    "basicConstraints = critical, CA:FALSE",
    "keyUsage = critical, digitalSignature",
    "extendedKeyUsage = serverAuth",
    `subjectAltName = ${subjectAltName(names)}`,
    "subjectKeyIdentifier = hash",
    "authorityKeyIdentifier = keyid",
  ];
  return certify(host, extensions, Math.min(days, left), authority);
}

/** @param issuer signs it; by itself where there is none. openssl gives it a random serial number of 159 bits. */
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

/** P-256, which every TLS library of the last ten years has; PKCS 8, which they all read. */
function newKey(): string {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * Keys reach openssl as files that nobody else can read, for as long as the work takes.
 *
 * @param work gets what writes a file into the folder and gives its path, and the path where openssl puts what it makes
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
  const said = result.code === "ENOENT" ? "it is not installed" : result.stderr.trim() || result.shortMessage;
  throw new UserError(
    "openssl",
    said ?? "it failed",
    "certificates are made with openssl 3.0 or newer: apt-get install openssl",
  );
}
