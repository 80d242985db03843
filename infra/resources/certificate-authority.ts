import { generateKeyPairSync, randomBytes, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { UserError } from "../../agents/lib/errors.ts";
import type { Certificate, CertificateNeed } from "../model/tls.ts";

/** Days that a CA is good for: ten years, as its own successor is made by hand (`tls.generation`). */
const authorityDays = 3650;
const dayMs = 86_400_000;
/** Milliseconds for one call of openssl; each takes about ten. */
const timeoutMs = 10_000;

/** Makes a CA of the stack's own. @throws UserError where openssl is missing or fails */
export async function makeAuthority(stack: string, generation: number): Promise<Certificate> {
  return inPrivateFolder(async (folder) => {
    const key = newKey();
    const config = [
      "[req]",
      "prompt = no",
      "distinguished_name = name",
      "x509_extensions = authority",
      "[name]",
      // At most 64 characters (RFC 5280); the generation tells two CAs of a stack apart.
      `CN = ${`warren ${stack}`.slice(0, 50)} CA ${generation}`,
      "[authority]",
      "basicConstraints = critical, CA:TRUE, pathlen:0",
      "keyUsage = critical, keyCertSign, cRLSign",
      "subjectKeyIdentifier = hash",
    ];
    const [configFile, keyFile] = [await folder.put("config", config.join("\n")), await folder.put("key", key)];
    const days = String(authorityDays);
    await openssl("req", "-x509", "-new", "-config", configFile, "-key", keyFile, "-days", days, "-out", folder.out);
    return { certificate: await folder.made(), key };
  });
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
  return inPrivateFolder(async (folder) => {
    const key = newKey();
    const config = [
      "[req]",
      "prompt = no",
      "distinguished_name = name",
      "[name]",
      `CN = ${host}`,
      "[server]",
      "basicConstraints = critical, CA:FALSE",
      "keyUsage = critical, digitalSignature",
      "extendedKeyUsage = serverAuth",
      `subjectAltName = ${subjectAltName(names)}`,
      "subjectKeyIdentifier = hash",
      "authorityKeyIdentifier = keyid",
    ];
    const configFile = await folder.put("config", config.join("\n"));
    const request = join(folder.path, "request");
    await openssl("req", "-new", "-config", configFile, "-key", await folder.put("key", key), "-out", request);
    const ca = await folder.put("ca", authority.certificate);
    const caKey = await folder.put("ca-key", authority.key);
    const extensions = ["-extfile", configFile, "-extensions", "server"];
    // 15 random bytes: positive in DER, and of more than the 64 bits that are asked for.
    const serial = ["-set_serial", `0x${randomBytes(15).toString("hex")}`];
    const life = ["-days", String(Math.min(days, left))];
    await openssl(
      ...["x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey],
      ...[...serial, ...life, ...extensions, "-out", folder.out],
    );
    return { certificate: await folder.made(), key };
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

interface PrivateFolder {
  readonly path: string;
  /** Where a program writes what it makes. */
  readonly out: string;
  put(name: string, text: string): Promise<string>;
  made(): Promise<string>;
}

/** Keys reach openssl as files that nobody else can read, for as long as the work takes. */
async function inPrivateFolder<T>(work: (folder: PrivateFolder) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(tmpdir(), "warren-tls-"));
  const out = join(path, "made");
  try {
    return await work({
      path,
      out,
      put: async (name, text) => {
        const file = join(path, name);
        await writeFile(file, `${text}\n`, { mode: 0o600 });
        return file;
      },
      made: () => readFile(out, "utf8"),
    });
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

async function openssl(...args: readonly string[]): Promise<void> {
  const result = await execa("openssl", [...args], { reject: false, stdin: "ignore", timeout: timeoutMs });
  if (!result.failed) return;
  const said = result.code === "ENOENT" ? "it is not installed" : result.stderr.trim() || result.shortMessage;
  throw new UserError("openssl", said ?? "it failed", "certificates are made with openssl: apt-get install openssl");
}
