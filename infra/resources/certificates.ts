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

/** What the stack keeps of TLS between runs, as its secret output `tls`. */
export interface KeptTls {
  readonly generation: number;
  /** Without a key where the CA is given by files. */
  readonly authority: { readonly certificate: string; readonly key?: string };
  /** Certificate of the CA before this one. */
  readonly former?: string;
  /** By host. */
  readonly hosts: Readonly<Record<string, Certificate>>;
}

export interface TlsPlan {
  /** `given`: by files, new or as before. */
  readonly authority: "kept" | "given" | "made";
  readonly former: string | undefined;
  /** Hosts whose certificates are made; those of the others stay. */
  readonly issue: readonly CertificateNeed[];
  readonly stay: Readonly<Record<string, Certificate>>;
}

/**
 * What is to be made for what is needed. Pure. A new CA (its generation was raised, its files have changed) makes the one before it the
 * former; a certificate is made where there is none, where it was issued by another CA or for other names, or where a third of its time is left.
 *
 * @param given certificate of the CA that the config names, if it does
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
    if (!found || !issuer || !isGood(new X509Certificate(found.certificate), need, issuer, now)) return true;
    stay[need.host] = found;
    return false;
  });
  return { authority, former, issue, stay };
}

function isGood(certificate: X509Certificate, need: CertificateNeed, issuer: X509Certificate, now: Date): boolean {
  const names = (certificate.subjectAltName ?? "").split(", ").map((name) => name.replace(/^(DNS|IP Address):/, ""));
  const from = certificate.validFromDate.getTime();
  const renewal = from + ((certificate.validToDate.getTime() - from) * 2) / 3;
  return certificate.verify(issuer.publicKey) && names.join() === need.names.join() && now.getTime() < renewal;
}

export interface TlsResult {
  readonly certificates: Certificates;
  readonly keep: KeptTls | undefined;
  /** For the person, e.g. that the CA will be over. */
  readonly warnings: readonly string[];
}

/**
 * The certificates of a stack: those that were kept, and new ones where some are needed. Nothing is written; what `keep` says becomes
 * the stack's output, so that a preview makes new ones in vain, and harms nobody.
 *
 * @throws UserError where a CA's files can't be used, or openssl is missing
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
  // In the order of the config, so that the same certificates make the same output.
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
 * Writes the CA certificates where the operator's programs and the engine's provider look for them, whole or not at all. A preview that makes a
 * CA in vain writes it too: nothing serves with it, and what is trusted already is in the same file.
 *
 * @param kept whether the stack keeps a CA from an earlier run. Where it doesn't, a run that was killed before its end may have given brokers
 *   certificates of another one: what the file has is trusted as well, until a run has come to its end
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

/** A CA is replaced by a person's decision, because everybody outside who trusts it must be told: a third of its time is the notice. */
function authorityWarnings(authority: X509Certificate, given: boolean, now: Date): string[] {
  const from = authority.validFromDate.getTime();
  const to = authority.validToDate;
  if (now.getTime() < from + ((to.getTime() - from) * 2) / 3) return [];
  const remedy = given ? "give the files of a newer one" : "raise warren:tls.generation";
  return [`warren:tls: the CA is good until ${to.toISOString().slice(0, 10)}: ${remedy}`];
}

async function givenAuthority(tls: StackConfig["tls"], checkout: string): Promise<Certificate | undefined> {
  const { caCertificateFile, caKeyFile } = tls;
  if (caCertificateFile === undefined || caKeyFile === undefined) return undefined;
  const read = async (file: string, key: string) => {
    try {
      return await readFile(resolve(checkout, file), "utf8");
    } catch (cause) {
      throw new UserError(`warren:tls.${key}`, `${file} can't be read`, "give the right path", { cause });
    }
  };
  const certificate = await read(caCertificateFile, "caCertificateFile");
  const key = await read(caKeyFile, "caKeyFile");
  const problem = authorityProblem(certificate, key);
  if (problem)
    throw new UserError("warren:tls.caCertificateFile", `${caCertificateFile} ${problem}`, "give a CA as PEM");
  return { certificate, key };
}

function authorityProblem(certificate: string, key: string): string | undefined {
  try {
    const parsed = new X509Certificate(certificate);
    if (!parsed.ca) return "is no certificate of a CA";
    return parsed.checkPrivateKey(createPrivateKey(key)) ? undefined : "belongs to another key than that of caKeyFile";
  } catch (error) {
    return `and its key can't be used: ${error instanceof Error ? error.message : error}`;
  }
}
