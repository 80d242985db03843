import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { UserError } from "../../agents/lib/errors.ts";
import type { StackConfig } from "../config/index.ts";
import { fixtureConfig } from "../model/fixture.ts";
import type { Certificate } from "../model/tls.ts";
import { certificateNeeds, operatorCaFile } from "../model/tls.ts";
import { makeAuthority } from "./certificate-authority.ts";
import { ensureCertificates, type KeptTls, planTls, type TlsResult, writeOperatorCa } from "./certificates.ts";

const dayMs = 86_400_000;
const base = fixtureConfig();
const withTls = (tls: Partial<StackConfig["tls"]>): StackConfig => ({ ...base, tls: { ...base.tls, ...tls } });
const inDays = (days: number): Date => new Date(Date.now() + days * dayMs);

let folder: string;
let first: TlsResult & { keep: KeptTls };
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "warren-certificates-"));
  mkdirSync(join(folder, "tmp"));
  vi.stubEnv("TMPDIR", join(folder, "tmp"));
  first = await ensured(base, undefined);
});
afterAll(() => vi.unstubAllEnvs());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function ensured(config: StackConfig, kept: KeptTls | undefined, now = new Date()) {
  const result = await ensureCertificates("test", config, kept, folder, now);
  if (!result.keep) throw new TypeError("nothing is kept");
  return { ...result, keep: result.keep };
}

/** Verification of a certificate by an independent program. */
function opensslVerifies({ certificate }: Certificate, bundle: string, ...more: string[]): string {
  writeFileSync(join(folder, "leaf.pem"), certificate);
  writeFileSync(join(folder, "bundle.pem"), bundle);
  const args = ["verify", "-x509_strict", "-purpose", "sslserver", ...more, "-CAfile", join(folder, "bundle.pem")];
  try {
    return execFileSync("openssl", [...args, join(folder, "leaf.pem")], {
      stdio: ["ignore", "pipe", "pipe"],
    }).toString();
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr);
  }
}
const certificateOf = (result: TlsResult, host: string): Certificate => {
  const found = result.certificates.hosts[host];
  if (!found) throw new TypeError(`no certificate of ${host}`);
  return found;
};

describe("the certificates of a new stack", () => {
  it("are for clients only on a monitor; a host that becomes one gets another", () => {
    const verifies = (host: string) =>
      opensslVerifies(certificateOf(first, host), first.certificates.bundle, "-purpose", "sslclient");
    expect(verifies("px-1")).toMatch(/: OK\n$/);
    expect(verifies("bunny1")).toContain("unsuitable certificate purpose");
    const needs = certificateNeeds(base).map((need) =>
      need.host === "urp-1" ? { ...need, client: true as const } : need,
    );
    const plan = planTls(needs, base.tls.generation, undefined, first.keep, new Date());
    expect(plan.issue.map(({ host }) => host)).toEqual(["urp-1"]);
  });

  it("are valid for openssl under every name and address of the broker, including the virtual IP's", () => {
    const leaf = certificateOf(first, "bunny1");
    for (const name of ["bunny1", "bunny-op", "localhost"]) {
      expect(opensslVerifies(leaf, first.certificates.bundle, "-verify_hostname", name), name).toMatch(/: OK\n$/);
    }
    for (const address of ["10.203.0.21", "10.203.0.50", "127.0.0.1"]) {
      expect(opensslVerifies(leaf, first.certificates.bundle, "-verify_ip", address), address).toMatch(/: OK\n$/);
    }
  });

  it("are invalid for other names and under another CA", async () => {
    const leaf = certificateOf(first, "bunny1");
    expect(opensslVerifies(leaf, first.certificates.bundle, "-verify_hostname", "bunny2")).toContain(
      "hostname mismatch",
    );
    expect(opensslVerifies(leaf, (await makeAuthority("other", 1)).certificate)).toContain("verification failed");
  });

  it("are one per host with TLS servers, each with its own key", () => {
    const hosts = Object.keys(first.certificates.hosts);
    expect(hosts).toEqual(certificateNeeds(base).map(({ host }) => host));
    expect(new Set(hosts.map((host) => certificateOf(first, host).key)).size).toBe(hosts.length);
    for (const host of hosts) {
      const { certificate, key } = certificateOf(first, host);
      writeFileSync(join(folder, "key.pem"), key);
      const own = execFileSync("openssl", ["pkey", "-in", join(folder, "key.pem"), "-pubout"]).toString();
      expect(new X509Certificate(certificate).publicKey.export({ type: "spki", format: "pem" })).toBe(own);
    }
  });

  it("leave no key in the folder for temporary files", () => {
    expect(tmpdir()).toBe(join(folder, "tmp"));
    expect(readdirSync(tmpdir())).toEqual([]);
  });
});

describe("the next run", () => {
  it("keeps everything byte for byte", async () => {
    const again = await ensured(base, first.keep);
    expect(JSON.stringify(again)).toBe(JSON.stringify(first));
  });

  it("renews when a third of the time is left, and not before", async () => {
    const { days } = base.tls;
    expect((await ensured(base, first.keep, inDays((days * 2) / 3 - 1))).keep).toEqual(first.keep);
    const later = await ensured(base, first.keep, inDays((days * 2) / 3 + 1));
    expect(later.keep.authority).toEqual(first.keep.authority);
    expect(later.certificates.rotating).toBe(false);
    for (const host of Object.keys(first.keep.hosts)) {
      expect(certificateOf(later, host).certificate).not.toBe(certificateOf(first, host).certificate);
    }
  });

  it("reissues only the certificate of a host whose address changed", async () => {
    const moved = structuredClone(base);
    (moved.hosts.bunny2 as { address: string }).address = "10.203.0.99";
    const changed = await ensured(moved, first.keep);
    const differing = Object.keys(first.keep.hosts).filter(
      (host) => certificateOf(changed, host).certificate !== certificateOf(first, host).certificate,
    );
    expect(differing).toEqual(["bunny2"]);
  });
});

describe("a raised generation", () => {
  it("creates a new CA that issues every certificate, and trusts both CAs", async () => {
    const second = await ensured(withTls({ generation: 2 }), first.keep);
    expect(second.certificates.rotating).toBe(true);
    const [current, former] = second.certificates.bundle.split(/(?<=-----END CERTIFICATE-----\n)/);
    expect(former).toBe(first.certificates.bundle);
    expect(opensslVerifies(certificateOf(second, "bunny1"), current ?? "")).toMatch(/: OK\n$/);
    expect(opensslVerifies(certificateOf(second, "bunny1"), former ?? "")).toContain("verification failed");
    expect(opensslVerifies(certificateOf(first, "bunny1"), second.certificates.bundle)).toMatch(/: OK\n$/);
  });

  it("drops the first CA when raised again", async () => {
    const second = await ensured(withTls({ generation: 2 }), first.keep);
    const third = await ensured(withTls({ generation: 3 }), second.keep);
    expect(third.certificates.bundle).not.toContain(first.certificates.bundle);
    expect(third.certificates.bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });
});

describe("a CA given by files", () => {
  const files = { caCertificateFile: "ca.pem", caKeyFile: "ca.key" };
  async function give(authority: Certificate): Promise<void> {
    writeFileSync(join(folder, files.caCertificateFile), authority.certificate);
    writeFileSync(join(folder, files.caKeyFile), authority.key);
  }

  it("issues certificates, and its key is not stored", async () => {
    const ca = await makeAuthority("house", 1);
    await give(ca);
    const made = await ensured(withTls(files), undefined);
    expect(made.keep.authority).toEqual({ certificate: ca.certificate });
    expect(JSON.stringify(made.keep)).not.toContain(JSON.stringify(ca.key).slice(1, -1));
    expect(opensslVerifies(certificateOf(made, "bunny1"), ca.certificate)).toMatch(/: OK\n$/);
    expect(JSON.stringify(await ensured(withTls(files), made.keep))).toBe(JSON.stringify(made));
  });

  it("replaces the stack's own CA, which stays trusted", async () => {
    await give(await makeAuthority("house", 2));
    const changed = await ensured(withTls(files), first.keep);
    expect(changed.keep.former).toBe(first.keep.authority.certificate);
    expect(Object.keys(changed.keep.hosts)).toEqual(Object.keys(first.keep.hosts));
    expect(opensslVerifies(certificateOf(changed, "bunny1"), first.certificates.bundle)).toContain(
      "verification failed",
    );
  });

  it.each([
    ["a host's certificate", () => certificateOf(first, "bunny1"), /is not a CA certificate/],
    [
      "another key",
      () => ({ ...first.keep.authority, key: certificateOf(first, "bunny1").key }),
      /does not match the key/,
    ],
    ["no PEM data", () => ({ certificate: "what", key: "ever" }), /can't be used/],
  ])("is refused if its files contain %s", async (_, authority, message) => {
    await give(authority());
    await expect(ensured(withTls(files), undefined)).rejects.toThrow(message);
  });

  it("is refused with the name of a missing file", async () => {
    const missing = ensured(withTls({ ...files, caKeyFile: "nowhere.key" }), undefined);
    await expect(missing).rejects.toThrow(UserError);
    await expect(missing).rejects.toThrow("nowhere.key can't be read");
  });

  it("that will expire is reported with a remedy", async () => {
    expect((await ensured(base, first.keep)).warnings).toEqual([]);
    expect((await ensured(base, first.keep, inDays(2600))).warnings[0]).toMatch(/expires on \d{4}-.*tls\.generation/);
  });
});

describe("planTls", () => {
  it("issues nothing if nothing changed", () => {
    const plan = planTls(certificateNeeds(base), 1, undefined, first.keep, new Date());
    expect(plan).toMatchObject({ authority: "kept", issue: [], former: undefined });
  });
});

describe("the CA file of the operator's programs", () => {
  const file = () => join(folder, operatorCaFile("test"));

  it("has the stack's CA only", async () => {
    const { bundle } = (await ensured(base, undefined)).certificates;
    await writeOperatorCa("test", bundle, folder, true);
    await writeOperatorCa("test", first.certificates.bundle, folder, true);
    expect(readFileSync(file(), "utf8")).toBe(first.certificates.bundle);
  });

  it("also has the CA of a run that was killed before it could store it, once", async () => {
    const killed = first.certificates.bundle;
    await writeOperatorCa("test", killed, folder, true);
    const { bundle } = (await ensured(base, undefined)).certificates;
    await writeOperatorCa("test", bundle, folder, false);
    await writeOperatorCa("test", bundle, folder, false);
    expect(readFileSync(file(), "utf8")).toBe(`${bundle}${killed}`);
  });
});
