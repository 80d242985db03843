import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { writeAtomic } from "../../agents/lib/atomic-file.ts";
import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../config/index.ts";
import {
  type Certificate,
  type CertificateNeed,
  type Certificates,
  certificateNeeds,
  noCertificates,
  operatorCaFile,
} from "../model/tls.ts";
import { issueCertificate, makeAuthority } from "./certificate-authority.ts";

/** The stack's TLS state between runs: its secret output `tls`. */
export interface KeptTls {
  readonly generation: number;
  /** Without a key if the CA is configured as files. */
  readonly authority: { readonly certificate: string; readonly key?: string };
  /** Certificate of the previous CA. */
  readonly former?: string;
  /** By host. */
  readonly hosts: Readonly<Record<string, Certificate>>;
}

export interface TlsPlan {
  /** `given`: configured as files, changed or not. */
  readonly authority: "kept" | "given" | "made";
  readonly former: string | undefined;
  /** Hosts that need new certificates. */
  readonly issue: readonly CertificateNeed[];
  readonly stay: Readonly<Record<string, Certificate>>;
}

/**
 * Decides which certificates to issue. Pure. With a new CA (a raised generation, changed files) the present one becomes the previous one (`former`).
 * A certificate is issued if there is none, if it has another CA, other names or another use, or if a third of its time is left.
 *
 * @param given certificate of the CA that the config names, if any
 */
export function planTls(
  needs: readonly CertificateNeed[],
  generation: number,
  given: string | undefined,
  kept: KeptTls | undefined,
  now: Date,
): TlsPlan {
  const raised = kept !== undefined && kept.generation !== generation;
  const stays =
    given === undefined ? kept?.authority.key !== undefined && !raised : given === kept?.authority.certificate;
  const former = stays ? kept?.former : kept?.authority.certificate;
  const authority = given !== undefined ? "given" : stays ? "kept" : "made";
  const issuer = stays && !raised && kept ? new X509Certificate(kept.authority.certificate) : undefined;
  const stay: Record<string, Certificate> = {};
  const issue = needs.filter((need) => {
    const found = kept?.hosts[need.host];
    if (!found || !issuer || !isValid(new X509Certificate(found.certificate), need, issuer, now)) return true;
    stay[need.host] = found;
    return false;
  });
  return { authority, former, issue, stay };
}

/** clientAuth (RFC 5280, 4.2.1.12). */
const clientUsage = "1.3.6.1.5.5.7.3.2";

function isValid(certificate: X509Certificate, need: CertificateNeed, issuer: X509Certificate, now: Date): boolean {
  const names = (certificate.subjectAltName ?? "").split(", ").map((name) => name.replace(/^(DNS|IP Address):/, ""));
  const from = certificate.validFromDate.getTime();
  const renewal = from + ((certificate.validToDate.getTime() - from) * 2) / 3;
  // Node's name for the extended key usage, as OIDs.
  const isClient = certificate.keyUsage?.includes(clientUsage) ?? false;
  return (
    certificate.verify(issuer.publicKey) &&
    names.join() === need.names.join() &&
    isClient === (need.client ?? false) &&
    now.getTime() < renewal
  );
}

export interface TlsResult {
  readonly certificates: Certificates;
  readonly keep: KeptTls | undefined;
  /** For the user, e.g. that the CA will expire. */
  readonly warnings: readonly string[];
}

/**
 * The certificates of a stack: the recorded ones, and new ones where needed. Nothing is written: `keep` becomes the stack's output, so the
 * certificates that a preview issues are discarded without harm.
 *
 * @throws UserError if a CA's files can't be used, or openssl is missing
 */
export async function ensureCertificates(
  stack: string,
  config: StackConfig,
  kept: KeptTls | undefined,
  checkout: string,
  now: Date,
): Promise<TlsResult> {
  const needs = certificateNeeds(config);
  if (needs.length === 0) return { certificates: noCertificates, keep: kept, warnings: [] };
  const { generation, days } = config.tls;
  const given = await givenAuthority(config.tls, checkout);
  const plan = planTls(needs, generation, given?.certificate, kept, now);
  const authority = given ?? (await ownAuthority(plan, stack, generation, kept));
  const issued = await Promise.all(
    plan.issue.map(async (need) => [need.host, await issueCertificate(need, authority, days)] as const),
  );
  // In the order of the config, so that the same certificates give the same output.
  const all = { ...plan.stay, ...Object.fromEntries(issued) };
  const hosts = Object.fromEntries(needs.flatMap(({ host }) => (all[host] ? [[host, all[host]] as const] : [])));
  const { former } = plan;
  return {
    certificates: {
      bundle: [authority.certificate, former].flatMap((pem) => (pem ? [`${pem.trim()}\n`] : [])).join(""),
      rotating: former !== undefined,
      hosts,
    },
    keep: {
      generation,
      authority: given ? { certificate: given.certificate } : authority,
      ...(former === undefined ? {} : { former }),
      hosts,
    },
    warnings: authorityWarnings(new X509Certificate(authority.certificate), given !== undefined, now),
  };
}

/**
 * Writes the CA certificates for the operator's programs and the engine's provider, atomically. A preview writes a CA that is then discarded as
 * well: no server uses it, and the file keeps the trusted ones.
 *
 * @param kept whether the stack has a CA from an earlier run. If not, a run that was killed may have given brokers certificates of another CA, so
 *   the file's certificates stay trusted until a run completes
 */
export async function writeOperatorCa(stack: string, bundle: string, checkout: string, kept: boolean): Promise<void> {
  if (bundle === "") return;
  const file = resolve(checkout, operatorCaFile(stack));
  await mkdir(dirname(file), { recursive: true });
  const before = kept || !existsSync(file) ? "" : await readFile(file, "utf8");
  const certificates = new Set(`${bundle}${before}`.match(/-----BEGIN .+?-----END [^\n]+\n/gs));
  await writeAtomic(file, [...certificates].join(""), { mode: 0o644, temporary: `${file}.${process.pid}` });
}

async function ownAuthority(
  plan: TlsPlan,
  stack: string,
  generation: number,
  kept: KeptTls | undefined,
): Promise<Certificate> {
  const { certificate, key } = kept?.authority ?? {};
  if (plan.authority === "kept" && certificate && key) return { certificate, key };
  return makeAuthority(stack, generation);
}

/** The operator decides when to replace a CA, because every client that trusts it needs the new one. The notice is a third of its time. */
function authorityWarnings(authority: X509Certificate, given: boolean, now: Date): string[] {
  const from = authority.validFromDate.getTime();
  const to = authority.validToDate;
  if (now.getTime() < from + ((to.getTime() - from) * 2) / 3) return [];
  const remedy = given ? "configure the files of a newer one" : "raise warren:tls.generation";
  return [`warren:tls: the CA expires on ${to.toISOString().slice(0, 10)}; ${remedy}`];
}

async function givenAuthority(tls: StackConfig["tls"], checkout: string): Promise<Certificate | undefined> {
  const { caCertificateFile, caKeyFile } = tls;
  if (caCertificateFile === undefined || caKeyFile === undefined) return undefined;
  const read = async (file: string, key: string) => {
    try {
      return await readFile(resolve(checkout, file), "utf8");
    } catch (cause) {
      throw new UserError(`warren:tls.${key}`, `${file} can't be read`, "correct the path", { cause });
    }
  };
  const certificate = await read(caCertificateFile, "caCertificateFile");
  const key = await read(caKeyFile, "caKeyFile");
  const problem = authorityProblem(certificate, key);
  if (problem)
    throw new UserError(
      "warren:tls.caCertificateFile",
      `${caCertificateFile} ${problem}`,
      "configure a CA as PEM files",
    );
  return { certificate, key };
}

function authorityProblem(certificate: string, key: string): string | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    if (!parsed.ca) return "is not a CA certificate";
    return parsed.checkPrivateKey(createPrivateKey(key)) ? undefined : "does not match the key in caKeyFile";
  } catch (error) {
    return `and its key can't be used: ${error instanceof Error ? error.message : error}`;
  }
}
